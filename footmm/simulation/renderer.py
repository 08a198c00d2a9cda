"""Renders whole frames of a match with exact labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.simulation.appearance import Identity
from footmm.simulation.ball import BallImage, paint_ball
from footmm.simulation.figure_painter import Light
from footmm.simulation.gait import phases_at
from footmm.simulation.goals import build_goals
from footmm.simulation.ground import Markings
from footmm.simulation.labels import BallLabel, Box, FrameLabels, PersonLabel
from footmm.simulation.moment import NUM_AGENTS, Moment
from footmm.simulation.people import Person, place_persons
from footmm.simulation.shadows import Limb, ShadowCaster, figure_limbs, paint_shadows
from footmm.simulation.stadium import Stadium
from footmm.simulation.stands import Surround
from footmm.simulation.tracks import BALL_RADIUS
from footmm.simulation.viewpoint import Viewpoint, camera_key

_BALL_OWNER = 255
_COVERED = 128
_NOISE_MARGIN = 64
_MIN_BLUR_PX = 0.2


class FrameRenderer:
    """Renders the frames of one match in one stadium.

    Textures are made once. The picture without persons is kept as long as the camera stands still.

    Args:
        identities: The 25 persons, in the order of
            :func:`footmm.simulation.appearance.sample_match_identities`.
        stadium: The place.
        image_size: Width and height of the frames in pixels.

    Raises:
        ConfigError: The number of identities is not that of a :class:`Moment`.
    """

    def __init__(
        self,
        identities: Sequence[Identity],
        stadium: Stadium,
        image_size: tuple[int, int] = (960, 540),
    ) -> None:
        if len(identities) != NUM_AGENTS:
            raise ConfigError(
                f"a match has {NUM_AGENTS} persons, got {len(identities)} identities; draw them "
                "with sample_match_identities()"
            )
        self._identities = tuple(identities)
        self._stadium = stadium
        self._image_size = tuple(image_size)
        self._surround = Surround(stadium)
        self._markings = Markings(stadium.pitch)
        self._goals = build_goals(stadium)
        self._shadows = ShadowCaster(stadium)
        self._develop = _Development(stadium, self._image_size)
        self._background: tuple[bytes, Viewpoint, np.ndarray] | None = None

    def render(
        self,
        camera: Camera,
        moment: Moment,
        rng: np.random.Generator,
        camera_motion_px: tuple[float, float] = (0.0, 0.0),
        gait_phases: np.ndarray | None = None,
    ) -> tuple[np.ndarray, FrameLabels]:
        """Render one frame.

        Args:
            camera: The camera, not batched, for images of the renderer's size.
            moment: Persons and ball.
            rng: Source of the sensor's noise and of nothing else.
            camera_motion_px: How far the picture of the stadium moves during the exposure because
                the camera turns: columns and rows.
            gait_phases: ``(25,)``: places in the gait cycles, as by
                :func:`footmm.simulation.gait.gait_phases`; guessed from speeds and time if None,
                which lets legs jump when speeds change.

        Returns:
            The image ``(height, width, 3)``, uint8, BGR; and its labels.

        Raises:
            ConfigError: The camera is for another image size, or is a batch.
        """
        view, image = self._empty_stadium(camera, camera_motion_px)
        if gait_phases is None:
            gait_phases = phases_at(np.linalg.norm(moment.velocities, axis=1), moment.time)
        persons = place_persons(view, moment, self._identities, gait_phases)
        exposure = self._stadium.exposure
        ball = paint_ball(view, moment.ball_position, moment.ball_velocity, exposure.shutter_s)
        self._paint_shadows(image, view, persons, moment)
        owners = np.zeros(image.shape[:2], np.uint8)
        silhouettes = self._paint_things(image, owners, view, persons, ball, moment)
        labels = FrameLabels(
            camera,
            _person_labels(view, persons, silhouettes, owners),
            _ball_label(ball, moment, owners),
        )
        return self._develop(image, rng), labels

    def _empty_stadium(
        self, camera: Camera, motion: tuple[float, float]
    ) -> tuple[Viewpoint, np.ndarray]:
        """Return the camera and what it sees of the stadium, without goals."""
        if camera.batch_shape or tuple(camera.image_size) != self._image_size:
            raise ConfigError(
                f"the renderer makes images of {self._image_size}, the camera is "
                f"{'a batch' if camera.batch_shape else f'for {camera.image_size}'}: index the "
                "batch, or use camera.resized(width, height)"
            )
        key = camera_key(camera)
        if self._background is None or self._background[0] != key:
            view = Viewpoint(camera)
            image = self._surround.paint(view)
            self._markings.paint(image, view, self._stadium.turf)
            self._background = (key, view, image)
        _, view, image = self._background
        return view, _directional_blur(image, motion)

    def _paint_shadows(
        self, image: np.ndarray, view: Viewpoint, persons: list[Person], moment: Moment
    ) -> None:
        shadows = []
        for person in persons:
            heading = float(moment.headings[person.agent])
            limbs = figure_limbs(person.figure, person.ground, heading)
            shadows.append(self._shadows.cast(limbs, person.ground, has_contact=True))
        ball = np.asarray(moment.ball_position, float)
        limb = Limb(np.stack([ball, ball]), BALL_RADIUS)
        shadows.append(self._shadows.cast([limb], ball[:2], has_contact=False))
        paint_shadows(image, view, shadows)

    def _paint_things(
        self,
        image: np.ndarray,
        owners: np.ndarray,
        view: Viewpoint,
        persons: list[Person],
        ball: BallImage | None,
        moment: Moment,
    ) -> dict[int, np.ndarray]:
        """Paint persons, goals and ball from far to near.

        Returns:
            Per agent, the silhouette on the person's patch.
        """
        silhouettes: dict[int, np.ndarray] = {}
        tasks: list[tuple[float, Callable[[], None]]] = []
        for person in persons:
            paint = partial(self._paint_person, image, owners, view, person, silhouettes)
            tasks.append((_distance(view, person.ground), paint))
        for piece in self._goals:
            paint = partial(piece.paint, image, owners, view)
            tasks.append((_distance(view, piece.foot), paint))
        if ball is not None:
            paint = partial(_paint_ball, image, owners, ball)
            tasks.append((_distance(view, moment.ball_position[:2]), paint))
        for _, paint in sorted(tasks, key=lambda task: -task[0]):
            paint()
        return silhouettes

    def _paint_person(
        self,
        image: np.ndarray,
        owners: np.ndarray,
        view: Viewpoint,
        person: Person,
        silhouettes: dict[int, np.ndarray],
    ) -> None:
        illumination = self._stadium.illumination
        shade = float(self._stadium.in_shade(person.ground))
        towards = (self._stadium.light_positions[:, :2] - person.ground).mean(axis=0)
        side = float(towards @ view.rotation[0, :2]) / max(float(np.hypot(*towards)), 1e-6)
        light = Light(side, illumination.contrast * (1 - 0.6 * shade))
        paint = person.paint(light, 1 - illumination.shade * shade)
        silhouette = paint[..., 3] >= _COVERED
        _lay(image, paint, person.left, person.top)
        _own(owners, silhouette, person.left, person.top, person.agent + 1)
        silhouettes[person.agent] = silhouette


class _Development:
    """What the camera makes of the light: blur, colours, noise."""

    def __init__(self, stadium: Stadium, image_size: tuple[int, int]) -> None:
        exposure = stadium.exposure
        self._blur = exposure.blur
        tone = (np.arange(256) / 255.0)[:, None] ** exposure.gamma
        tone = tone * np.asarray(exposure.gain) * 255
        self._tones = np.clip(np.rint(tone), 0, 255).astype(np.uint8)[None]
        rng = np.random.default_rng((stadium.seed, 5))
        shape = (image_size[1] + _NOISE_MARGIN, image_size[0] + _NOISE_MARGIN, 3)
        noise = exposure.noise * rng.standard_normal(shape, np.float32)
        self._brighter = np.clip(np.rint(noise), 0, 255).astype(np.uint8)
        self._darker = np.clip(np.rint(-noise), 0, 255).astype(np.uint8)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self._blur > _MIN_BLUR_PX:
            size = 2 * math.ceil(1.5 * self._blur) + 1
            image = cv2.GaussianBlur(image, (size, size), self._blur)
        image = cv2.LUT(image, self._tones)
        rows, columns = image.shape[:2]
        top, left = rng.integers(_NOISE_MARGIN, size=2).tolist()
        window = np.s_[top : top + rows, left : left + columns]
        image = cv2.add(image, np.ascontiguousarray(self._brighter[window]))
        return cv2.subtract(image, np.ascontiguousarray(self._darker[window]))


def _distance(view: Viewpoint, ground: np.ndarray) -> float:
    """Horizontal distance: along any line of sight it grows with the distance from the camera."""
    return math.hypot(ground[0] - view.position[0], ground[1] - view.position[1])


def _directional_blur(image: np.ndarray, motion: tuple[float, float]) -> np.ndarray:
    """Smear an image along a motion in pixels; always a copy."""
    length = math.hypot(*motion)
    if length < 1:
        return image.copy()
    size = 2 * math.ceil(0.5 * length) + 1
    kernel = np.zeros((size, size), np.float32)
    middle, reach = size // 2, 8 * np.asarray(motion)
    ends = (tuple(np.rint(16 * middle + s * reach).astype(int).tolist()) for s in (-1, 1))
    cv2.line(kernel, *ends, 1.0, 1, cv2.LINE_AA if size > 3 else cv2.LINE_8, 4)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _overlap(
    shape: tuple[int, ...], patch: np.ndarray, left: int, top: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return where a patch lies in an image, and which part of it that is; None if outside."""
    rows, columns = patch.shape[:2]
    first_row, first_column = max(0, top), max(0, left)
    last_row, last_column = min(shape[0], top + rows), min(shape[1], left + columns)
    if first_row >= last_row or first_column >= last_column:
        return None
    return (
        np.s_[first_row:last_row, first_column:last_column],
        np.s_[first_row - top : last_row - top, first_column - left : last_column - left],
    )


def _lay(image: np.ndarray, paint: np.ndarray, left: int, top: int) -> None:
    """Lay a patch of colours times coverage, and coverage, over an image."""
    overlap = _overlap(image.shape, paint, left, top)
    if overlap is None:
        return
    target, source = overlap
    channels = cv2.split(np.ascontiguousarray(paint[source]))
    rest = cv2.merge([255 - channels[3]] * 3)
    kept = cv2.multiply(np.ascontiguousarray(image[target]), rest, scale=1 / 255)
    image[target] = cv2.add(kept, cv2.merge(channels[:3]))


def _own(owners: np.ndarray, covered: np.ndarray, left: int, top: int, owner: int) -> None:
    overlap = _overlap(owners.shape, covered, left, top)
    if overlap is not None:
        target, source = overlap
        owners[target][covered[source]] = owner


def _paint_ball(image: np.ndarray, owners: np.ndarray, ball: BallImage) -> None:
    _lay(image, ball.paint, ball.left, ball.top)
    _own(owners, ball.disc, ball.left, ball.top, _BALL_OWNER)


def _box(mask: np.ndarray, left: int, top: int) -> Box:
    """Return the box around the true pixels of a mask that begins at (left, top)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        float(left + columns[0]),
        float(top + rows[0]),
        float(columns[-1] - columns[0] + 1),
        float(rows[-1] - rows[0] + 1),
    )


def _person_labels(
    view: Viewpoint, persons: list[Person], silhouettes: dict[int, np.ndarray], owners: np.ndarray
) -> tuple[PersonLabel, ...]:
    if not persons:
        return ()
    pelvises = np.stack([person.pelvis for person in persons])
    feet = pelvises * (1.0, 1.0, 0.0)
    pelvis_px, feet_px = view.project(np.stack([pelvises, feet]))
    labels = []
    for i, person in enumerate(persons):
        silhouette = silhouettes[person.agent]
        visible = np.zeros_like(silhouette)
        target, source = _overlap(owners.shape, silhouette, person.left, person.top)
        visible[source] = owners[target] == person.agent + 1
        if not visible.any():
            continue
        labels.append(
            PersonLabel(
                agent=person.agent,
                identity=person.identity,
                full_box=_box(silhouette, person.left, person.top),
                visible_box=_box(visible, person.left, person.top),
                visible_area=int(visible.sum()),
                occluded_share=1 - float(visible.sum()) / float(silhouette[source].sum()),
                jersey_visible=person.shows_number(visible),
                pelvis=pelvises[i],
                pelvis_ground=feet[i],
                pelvis_px=pelvis_px[i],
                pelvis_ground_px=feet_px[i],
            )
        )
    return tuple(labels)


def _ball_label(ball: BallImage | None, moment: Moment, owners: np.ndarray) -> BallLabel | None:
    overlap = None if ball is None else _overlap(owners.shape, ball.disc, ball.left, ball.top)
    if overlap is None:
        return None
    target, source = overlap
    seen = int(((owners[target] == _BALL_OWNER) & ball.disc[source]).sum())
    if seen == 0:
        return None
    return BallLabel(
        position=np.asarray(moment.ball_position, float),
        center_px=ball.center,
        box=_box(ball.disc, ball.left, ball.top),
        visible_share=seen / int(ball.disc.sum()),
    )
