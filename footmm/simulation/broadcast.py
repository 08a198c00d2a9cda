"""The cameras of a broadcast, frame by frame: operators that follow play, and fixed cameras.

An operator aims between the ball and the players around it, reacts late, leads the play by where
it is heading, lets it drift inside a dead zone, pans and tilts like a critically damped spring of
limited speed, and zooms with the place and the pace of play. Nothing looks ahead in time, so the
film of a frame does not change when the match goes on longer.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.lens import BrownConradyLens
from footmm.simulation.camera_following import (
    OperatorStyle,
    delayed,
    follow,
    sample_operator_style,
    shake,
    smoothed,
)
from footmm.simulation.camera_rigs import (
    REAL_IMAGE_WIDTH,
    REAL_PITCH_LENGTH,
    CameraKind,
    FollowingRig,
    sample_following_rig,
    sample_wide_camera,
)
from footmm.simulation.moment import NUM_PLAYERS

__all__ = [
    "CameraKind",
    "CameraOperator",
    "FixedOperator",
    "FollowingOperator",
    "camera_motion_px",
    "sample_camera_operator",
]

#: Metres: players nearer to the ball than about this are part of what the operator watches.
_CROWD_RADIUS = 12.0
#: Metres: the aim goes no further beyond the goal lines (98 % of the real cameras: 3.3 m).
_BEYOND_GOAL_LINE = 3.0
#: Metres that play is at least in front of a camera, so that no ball behind it turns it around.
_MIN_FORWARD = 3.0
#: Share of a flying ball's height that the aim goes up.
_LIFT_SHARE = 0.5
#: Seconds over which an operator judges how fast play moves.
_PACE_MEMORY = 1.2
#: View width by the distance of play from the halfway line, metres: the real cameras show 33.6,
#: 32.8, 30.2 and 27.7 m across in these zones (medians), the average being 29.2 m.
_ZONES = ((7.0, 22.0, 35.0, 50.0), (1.15, 1.12, 1.03, 0.95))
#: View width by the pace of play, m/s: close in stoppages, wide for long balls.
_PACES = ((0.5, 4.0, 12.0, 25.0), (0.75, 0.88, 1.0, 1.2))
#: Metres: where the motion of a picture without ground in its centre is measured.
_FAR = 200.0


class FilmableTracks(Protocol):
    """What of a match a camera needs; ``MatchTracks`` has it.

    Attributes:
        rate: Frames a second.
        positions: ``(T, A, 2)``, metres, world frame; the first 22 agents are the players.
        ball_position: ``(T, 3)``, metres, world frame.
    """

    rate: float
    positions: np.ndarray
    ball_position: np.ndarray


class CameraOperator(ABC):
    """Turns a match into the cameras of its frames."""

    @abstractmethod
    def film(self, tracks: FilmableTracks, frames: slice | None = None) -> Camera:
        """Film a match.

        Args:
            tracks: The match.
            frames: Which frames to return; None for all. The film of a frame is the same
                whichever frames are asked for.

        Returns:
            Cameras ``(T,)``.
        """


@dataclass(frozen=True)
class FixedOperator(CameraOperator):
    """A camera that stands still.

    Attributes:
        camera: The one camera.
    """

    camera: Camera

    def film(self, tracks: FilmableTracks, frames: slice | None = None) -> Camera:
        """See :meth:`CameraOperator.film`: the same camera, repeated."""
        count = len(_frame_range(tracks, frames))
        return Camera.stack([self.camera])[torch.zeros(count, dtype=torch.long)]


@dataclass(frozen=True)
class FollowingOperator(CameraOperator):
    """A person who follows play.

    Attributes:
        rig: Where the camera stands and what it can do.
        style: How the person works it.
        pitch: The pitch that is filmed.
        image_size: Width and height in pixels.
        seed: Of the shake.
    """

    rig: FollowingRig
    style: OperatorStyle
    pitch: PitchDimensions
    image_size: tuple[int, int]
    seed: int

    def film(self, tracks: FilmableTracks, frames: slice | None = None) -> Camera:
        """See :meth:`CameraOperator.film`."""
        indices = np.array(_frame_range(tracks, frames), dtype=int)
        until = int(indices.max(initial=-1)) + 1
        pan, tilt, focal_length = self._operate(tracks, until)[indices].T
        lens = None
        if self.rig.k1 != 0.0:
            lens = BrownConradyLens.from_radial(np.full(len(indices), self.rig.k1))
        return Camera.from_pan_tilt_roll(
            np.tile(self.rig.position, (len(indices), 1)),
            pan + self.rig.facing,
            tilt,
            self.rig.roll,
            focal_length * self._scale,
            self.image_size,
            lens=lens,
        )

    @property
    def _scale(self) -> float:
        return self.image_size[0] / REAL_IMAGE_WIDTH

    def _operate(self, tracks: FilmableTracks, until: int) -> np.ndarray:
        """Return pan from facing, tilt and focal length of the first frames, ``(until, 3)``."""
        if until == 0:
            return np.empty((0, 3))
        ball = np.asarray(tracks.ball_position[:until], float)
        players = np.asarray(tracks.positions[:until, :NUM_PLAYERS], float)
        focus = _focus(ball, players, self.style.ball_share)
        velocity = smoothed(_rate_of_change(focus, tracks.rate), _PACE_MEMORY / 3 * tracks.rate)
        pace = smoothed(np.linalg.norm(velocity, axis=1), _PACE_MEMORY * tracks.rate)
        late = self.style.reaction * tracks.rate
        seen = delayed(np.column_stack([focus + self.style.lead * velocity, pace]), late)
        aim, distance = self._aim(seen[:, :3])
        zoom = self._wanted_zoom(seen, distance)
        ball_angles, _ = self._angles(ball)
        half_width = REAL_IMAGE_WIDTH / 2
        half_image = half_width, half_width * self.image_size[1] / self.image_size[0]
        moves = follow(
            np.column_stack([aim, zoom]),
            ball_angles,
            self.style,
            half_image,
            self.rig.focal_length,
            1.0 / tracks.rate,
        )
        # Not of a view with gaps: see :func:`~footmm.pitch.frames.azimuth`.
        focal_length = np.exp(np.ascontiguousarray(moves[:, 2]))
        hand = shake(self.seed, self.style.shake, until, tracks.rate) / focal_length[:, None]
        return np.column_stack([moves[:, :2] + hand, focal_length])

    def _angles(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pan from facing and tilt ``(T, 2)``, and distance ``(T,)``, of world points."""
        x, y, z = (points - self.rig.position).T
        sin, cos = math.sin(self.rig.facing), math.cos(self.rig.facing)
        right, forward = cos * x - sin * y, np.maximum(sin * x + cos * y, _MIN_FORWARD)
        ground = np.hypot(right, forward)
        angles = np.column_stack([np.arctan2(right, forward), np.arctan2(-z, ground)])
        return angles, np.hypot(ground, z)

    def _aim(self, focus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the angles ``(T, 2)`` and the distance ``(T,)`` of where to look."""
        limit = self.pitch.length / 2 + _BEYOND_GOAL_LINE
        x, y, z = focus.T
        x, y = np.clip(x, -limit, limit), np.clip(y, -self.pitch.width / 2, self.pitch.width / 2)
        along = x if self.rig.facing == 0.0 else x * self.rig.depth_share
        across = y * self.rig.depth_share if self.rig.facing == 0.0 else y
        return self._angles(np.column_stack([along, across, _LIFT_SHARE * z]))

    def _wanted_zoom(self, seen: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Return the logarithm of the focal length that play asks for, ``(T,)``."""
        # Zones are stretched with the pitch.
        from_middle = np.abs(seen[:, 0]) * REAL_PITCH_LENGTH / self.pitch.length
        width = self.rig.view_width * np.interp(from_middle, *_ZONES)
        width = width * np.interp(seen[:, 3], *_PACES)
        return np.log(np.clip(REAL_IMAGE_WIDTH * distance / width, *self.rig.focal_length))


def _frame_range(tracks: FilmableTracks, frames: slice | None) -> range:
    return range(len(tracks.ball_position))[slice(None) if frames is None else frames]


def _focus(ball: np.ndarray, players: np.ndarray, ball_share: float) -> np.ndarray:
    """Blend the ball ``(T, 3)`` with the middle of the players ``(T, 22, 2)`` around it."""
    squared = np.square(players - ball[:, None, :2]).sum(-1) / _CROWD_RADIUS**2
    # Relative to the nearest player: nobody near the ball still gives weights.
    weight = np.exp(0.5 * (squared.min(1, keepdims=True) - squared))
    crowd = (players * weight[..., None]).sum(1) / weight.sum(1)[:, None]
    # A crowd far off a long ball must not pull the picture away from it.
    pull = crowd - ball[:, :2]
    pull /= np.maximum(1.0, np.linalg.norm(pull, axis=1, keepdims=True) / _CROWD_RADIUS)
    return np.column_stack([ball[:, :2] + (1 - ball_share) * pull, ball[:, 2]])


def _rate_of_change(values: np.ndarray, rate: float) -> np.ndarray:
    return np.diff(values, axis=0, prepend=values[:1]) * rate


def sample_camera_operator(
    kind: CameraKind | str,
    rng: np.random.Generator,
    pitch: PitchDimensions | None = None,
    image_size: tuple[int, int] = (960, 540),
) -> CameraOperator:
    """Draw a camera of a broadcast and the person behind it.

    Args:
        kind: Which camera.
        rng: Source of randomness; films draw nothing from it.
        pitch: The pitch that is filmed; None for the usual 105 x 68 m.
        image_size: Width and height in pixels.

    Returns:
        Its operator.

    Raises:
        ConfigError: There is no such kind of camera.
    """
    kind, pitch = CameraKind(kind), pitch or PitchDimensions()
    if kind is CameraKind.WIDE_FIXED:
        return FixedOperator(sample_wide_camera(rng, pitch, image_size))
    rig = sample_following_rig(kind, rng, pitch)
    style = sample_operator_style(rng)
    return FollowingOperator(rig, style, pitch, image_size, int(rng.integers(2**63)))


def camera_motion_px(cameras: Camera, shutter: float = 0.5) -> torch.Tensor:
    """Measure how the picture moves while the shutter is open.

    Args:
        cameras: Consecutive frames ``(T,)``.
        shutter: Share of the time between two frames in which it is open.

    Returns:
        ``(T, 2)``, pixels to the right and down by which the ground point in the image's centre
        moves (a point far off where the centre sees no ground); the last frame moves like the one
        before it, a single frame not at all.
    """
    if len(cameras) < 2:
        return torch.zeros(len(cameras), 2, dtype=cameras.position.dtype)
    width, height = cameras.image_size
    center = cameras.position.new_tensor([(width - 1) / 2, (height - 1) / 2])
    rays = cameras.rays(center.expand(len(cameras), 1, 2))[:, 0]
    fall = (-rays[:, 2]).clamp_min(1e-9)
    distance = (cameras.position[:, 2] / fall).clamp_max(_FAR)[:, None]
    points = cameras.position + distance * rays
    moved = cameras[1:].project(points[:-1, None])[:, 0] - center
    return shutter * torch.cat([moved, moved[-1:]])
