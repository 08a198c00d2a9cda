"""From the ball in the image to the ball in the world: viewing rays, apparent size, ballistics.

A detection of frame t is a ray from the camera's centre (``origins``, ``rays``), the derivative of
the ray with respect to the pixel (``ray_jacobian``) and the diameter of the ball in pixels. The
ball's place across the ray is known to a few centimetres; the distance along it comes

* from the apparent size (:func:`size_points`), whose relative error it inherits;
* from the ground, if the ball is on it (:func:`ground_points`);
* from gravity: the only parabola through all rays of a window (:func:`fit_parabola`), or through
  those around each frame (:class:`BallisticFits`), has a size in metres.

All tensors are metres, seconds, pixels and radians in the world frame, ``(B..., T, ...)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor

from footmm.errors import ConfigError
from footmm.pitch.ballistics import BallPhysics

FARTHEST = 200.0
"""Metres: no camera of a football pitch is farther from the ball."""

_NEAREST = 1.0
_OUTLIER_PX = 8.0
_TRUST_ROUNDS = 2
_LEAST_OBSERVATIONS = 3
"""Three rays give six equations for the six numbers of a flight."""


def angular_diameter(diameters: Tensor, ray_jacobian: Tensor) -> Tensor:
    """Return the angle under which the ball is seen.

    Args:
        diameters: ``(B...)``, pixels.
        ray_jacobian: ``(B..., 3, 2)``, derivative of the unit ray with respect to the pixel.

    Returns:
        ``(B...)``, radians.
    """
    return diameters * pixel_angle(ray_jacobian)


def pixel_angle(ray_jacobian: Tensor) -> Tensor:
    """Return the angle of a pixel, the mean of both directions, radians, ``(B...)``."""
    right, down = ray_jacobian.unbind(-1)
    # Squared: the root of an area of zero, of a frame without detection, has no gradient.
    return torch.linalg.cross(right, down).square().sum(-1).clamp(min=1e-24) ** 0.25


def size_depth(angle: Tensor, radius: float | Tensor) -> Tensor:
    """Return how far a ball is that is seen under an angle.

    Args:
        angle: Any shape, radians.
        radius: Metres; scalar, or of a shape that broadcasts to that of ``angle``.

    Returns:
        The same shape, at most :data:`FARTHEST` metres.
    """
    return (radius / torch.sin(0.5 * angle.clamp(min=1e-6, max=3.0))).clamp(_NEAREST, FARTHEST)


def size_points(
    origins: Tensor,
    rays: Tensor,
    ray_jacobian: Tensor,
    diameters: Tensor,
    physics: BallPhysics | None = None,
) -> Tensor:
    """Lift detections by their apparent size alone.

    Args:
        origins: ``(B..., T, 3)``, the cameras' centres.
        rays: ``(B..., T, 3)``, unit vectors.
        ray_jacobian: ``(B..., T, 3, 2)``.
        diameters: ``(B..., T)``, pixels.
        physics: The ball; None: the defaults.

    Returns:
        ``(B..., T, 3)``.
    """
    radius = (physics or BallPhysics()).radius
    depth = size_depth(angular_diameter(diameters, ray_jacobian), radius)
    return origins + depth[..., None] * rays


def ground_points(origins: Tensor, rays: Tensor, height: float | Tensor) -> Tensor:
    """Return where rays are at a height, ``(B..., T, 3)``; nan where they never are.

    Args:
        origins: ``(B..., T, 3)``, metres.
        rays: ``(B..., T, 3)``, of any length.
        height: Metres, scalar.
    """
    steps = (height - origins[..., 2:]) / rays[..., 2:]
    meets = (steps > 0) & steps.isfinite()
    points = origins + steps * rays
    return torch.where(meets, points, torch.full_like(points, torch.nan))


def pixel_offsets(points: Tensor, origins: Tensor, rays: Tensor, ray_jacobian: Tensor) -> Tensor:
    """Return how far from detections world points appear, to first order.

    Args:
        points: ``(B..., T, 3)``.
        origins: ``(B..., T, 3)``.
        rays: ``(B..., T, 3)``, of the detections.
        ray_jacobian: ``(B..., T, 3, 2)``.

    Returns:
        ``(B..., T, 2)``, pixels to the right and down. Points beside or behind the camera are
        taken to be at the edge of its half space.
    """
    way = points - origins
    along = (way * rays).sum(-1, keepdim=True)
    least = 0.1 * torch.linalg.vector_norm(way, dim=-1, keepdim=True).clamp(min=_NEAREST)
    beside = way / along.clamp(min=least) - rays
    square = ray_jacobian.mT @ ray_jacobian
    # A frame without detection has no Jacobian; a pixel's angle is about 2e-4.
    square = square + 1e-12 * torch.eye(2, dtype=square.dtype, device=square.device)
    return torch.linalg.solve(square, ray_jacobian.mT @ beside[..., None])[..., 0]


def ray_axes(rays: Tensor) -> Tensor:
    """Return axes along rays and across them.

    Args:
        rays: ``(B..., 3)``, unit vectors.

    Returns:
        ``(B..., 3, 3)``: rows along the ray, to its right (level) and up.
    """
    x, y, _ = rays.unbind(-1)
    level = torch.stack((y, -x, torch.zeros_like(x)), -1)
    length = torch.linalg.vector_norm(level, dim=-1, keepdim=True)
    # A ray straight down has no level right of its own.
    fixed = level.new_tensor((1.0, 0.0, 0.0)).expand_as(level)
    right = torch.where(length > 1e-6, level / length.clamp(min=1e-6), fixed)
    return torch.stack((rays, right, torch.linalg.cross(right, rays)), -2)


def fill_gaps(values: Tensor, known: Tensor) -> Tensor:
    """Fill unknown frames: on a straight line between known ones, held before and after them.

    Args:
        values: ``(B..., T, C)``.
        known: ``(B..., T)`` bool.

    Returns:
        ``(B..., T, C)``; zeros where a window has no known frame at all.
    """
    count = known.shape[-1]
    frames = torch.arange(count, device=known.device)
    before = torch.where(known, frames, -1).cummax(-1).values
    after = torch.where(known, frames, count).flip(-1).cummin(-1).values.flip(-1)
    none = (before < 0) & (after == count)
    first = torch.where(before < 0, after, before).clamp(max=count - 1)
    last = torch.where(after == count, before, after).clamp(min=0)
    share = (frames - first) / (last - first).clamp(min=1)
    start, end = (_take_frames(values, index) for index in (first, last))
    filled = start + share[..., None].to(values.dtype) * (end - start)
    return torch.where(none[..., None], torch.zeros_like(filled), filled)


def fill_sights(
    rays: Tensor, ray_jacobian: Tensor, diameters: Tensor, observed: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Fill what detections tell in the frames without one, see :func:`fill_gaps`.

    Args:
        rays: ``(B..., T, 3)``, unit vectors.
        ray_jacobian: ``(B..., T, 3, 2)``.
        diameters: ``(B..., T)``, pixels.
        observed: ``(B..., T)`` bool.

    Returns:
        The same of all frames; rays are unit vectors again, zeros in windows without a detection.
    """
    rays = fill_gaps(rays, observed)
    length = torch.linalg.vector_norm(rays, dim=-1, keepdim=True)
    jacobian = fill_gaps(ray_jacobian.flatten(-2), observed).unflatten(-1, (3, 2))
    sizes = fill_gaps(diameters[..., None], observed)[..., 0]
    return rays / length.clamp(min=1e-6), jacobian, sizes


def _take_frames(values: Tensor, index: Tensor) -> Tensor:
    return values.gather(-2, index[..., None].expand(*index.shape, values.shape[-1]))


class Sight(NamedTuple):
    """What is known of the ball's place in each frame: ``(x - point)' information (x - point)``.

    Attributes:
        point: ``(B..., T, 3)``.
        information: ``(B..., T, 3, 3)``, inverse of the squared standard deviations, 1/m².
    """

    point: Tensor
    information: Tensor


class FittedMotion(NamedTuple):
    """Motions fitted around each frame.

    Attributes:
        positions: ``(B..., K, T, 3)``, K fits of every frame.
        velocities: ``(B..., K, T, 3)``, metres a second.
        deviations: ``(B..., K, T)``, what the fit states as the standard deviation of the distance
            along the viewing ray, metres.
        residuals: ``(B..., K, T)``, root of the mean squared residual, in stated deviations.
    """

    positions: Tensor
    velocities: Tensor
    deviations: Tensor
    residuals: Tensor


def fit_parabola(
    origins: np.ndarray,
    rays: np.ndarray,
    ray_jacobian: np.ndarray,
    diameters: np.ndarray,
    time: np.ndarray,
    physics: BallPhysics | None = None,
) -> FittedParabola | None:
    """Fit one parabola to all rays of a window, by robust least squares of pixels.

    The usual way to the ball's flight from one camera; without drag, spin and bounces. Apparent
    sizes only give the start of the search.

    Args:
        origins: ``(N, 3)``, of the frames with a detection.
        rays: ``(N, 3)``.
        ray_jacobian: ``(N, 3, 2)``.
        diameters: ``(N,)``, pixels.
        time: ``(N,)``, seconds.
        physics: For gravity and radius; None: the defaults.

    Returns:
        The parabola; None with fewer than three detections.
    """
    if len(time) < _LEAST_OBSERVATIONS:
        return None
    physics = physics or BallPhysics()
    sight = (torch.as_tensor(part) for part in (origins, rays, ray_jacobian, diameters))
    points = size_points(*sight, physics).numpy()
    gravity = np.array([0.0, 0.0, -float(physics.gravity)])
    fall = 0.5 * gravity * time[:, None] ** 2
    design = np.column_stack([np.ones_like(time), time])
    start = np.linalg.lstsq(design, points - fall, rcond=None)[0]
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    scale = pixel_angle(torch.as_tensor(ray_jacobian)).numpy()[:, None]

    def misses(motion: np.ndarray) -> np.ndarray:
        way = design @ motion.reshape(2, 3) + fall - origins
        distance = np.linalg.norm(way, axis=1, keepdims=True).clip(_NEAREST)
        return (np.einsum("nij,nj->ni", across, way / distance) / scale).ravel()

    def slopes(motion: np.ndarray) -> np.ndarray:
        way = design @ motion.reshape(2, 3) + fall - origins
        distance = np.linalg.norm(way, axis=1, keepdims=True).clip(_NEAREST)
        unit = way / distance
        turning = np.eye(3) - unit[:, :, None] * unit[:, None, :]
        by_place = across @ turning / (distance * scale)[..., None]
        return (by_place[:, :, None, :] * design[:, None, :, None]).reshape(-1, 6)

    found = least_squares(
        misses, start.ravel(), slopes, loss="cauchy", f_scale=_OUTLIER_PX, max_nfev=50
    )
    return FittedParabola(*found.x.reshape(2, 3), gravity)


class FittedParabola(NamedTuple):
    """A flight without air.

    Attributes:
        position: ``(3,)``, metres, at time 0.
        velocity: ``(3,)``, metres a second, at time 0.
        gravity: ``(3,)``, metres a second squared.
    """

    position: np.ndarray
    velocity: np.ndarray
    gravity: np.ndarray

    def at(self, time: np.ndarray) -> np.ndarray:
        """Return the positions ``(T, 3)`` at times ``(T,)``."""
        time = time[:, None]
        return self.position + self.velocity * time + 0.5 * self.gravity * time**2


@dataclass(frozen=True)
class FitWindow:
    """Frames that a fit looks at, weighed by a triangle that ends beyond them.

    Attributes:
        before: Frames before the one in question.
        after: Frames after it.
        rolls: Whether the ball is fitted as one that rolls on the ground, instead of flies.
    """

    before: int
    after: int
    rolls: bool = False

    def kernel(self, steps: Tensor) -> Tensor:
        """Return the weights, in any shape, of frames so many steps after the one in question."""
        reach = torch.where(steps < 0, self.before + 1.0, self.after + 1.0)
        return (1.0 - steps.abs() / reach).clamp(min=0.0)


FIT_WINDOWS = (
    FitWindow(4, 4),
    FitWindow(8, 8),
    FitWindow(16, 16),
    FitWindow(30, 30),
    FitWindow(12, 0),
    FitWindow(0, 12),
    FitWindow(4, 4, rolls=True),
    FitWindow(12, 12, rolls=True),
)
"""Short fits are right near a touch, long ones in a long flight, one-sided ones at a touch."""


@dataclass(frozen=True)
class BallisticFits:
    """Motions fitted to what is seen around each frame, in one closed-form solution.

    Around a frame the ball moves with a constant acceleration: in flight that of gravity and of
    the drag at the speed of a first fit, on the ground that of the turf. Then all residuals are
    linear in position and velocity: each detection tells the place across its ray (a few pixels)
    and, by the apparent size, roughly along it. Detections far from the first fit lose their weight
    (Geman and McClure's), so a false one does little. Weak priors keep all fits defined, whatever
    is seen.

    Attributes:
        rate: Frames a second.
        windows: What to fit.
        pixel_deviation: Standard deviation of a detection, pixels.
        size_deviation: Relative standard deviation of the distance that a detection's size tells.
        outlier: Pixels at which a detection has lost three quarters of its weight.
        physics: The ball.

    Raises:
        ConfigError: A value is impossible.
    """

    rate: float = 25.0
    windows: Sequence[FitWindow] = FIT_WINDOWS
    pixel_deviation: float = 1.5
    size_deviation: float = 0.08
    outlier: float = _OUTLIER_PX
    physics: BallPhysics = field(default_factory=BallPhysics)

    def __post_init__(self) -> None:
        numbers = self.rate, self.pixel_deviation, self.size_deviation, self.outlier
        if min(numbers) <= 0 or not self.windows:
            raise ConfigError(
                "BallisticFits: rate, pixel_deviation, size_deviation and outlier are above 0, and "
                f"there is at least one window; they are {numbers} and {len(self.windows)} windows"
            )

    def __call__(
        self,
        origins: Tensor,
        rays: Tensor,
        ray_jacobian: Tensor,
        diameters: Tensor,
        observed: Tensor,
        confidence: Tensor | None = None,
    ) -> tuple[FittedMotion, Tensor]:
        """Fit all windows around every frame.

        Args:
            origins: ``(B..., T, 3)``; also of frames without detection.
            rays: ``(B..., T, 3)``; likewise, anything about where the ball may be.
            ray_jacobian: ``(B..., T, 3, 2)``.
            diameters: ``(B..., T)``, pixels.
            observed: ``(B..., T)`` bool.
            confidence: ``(B..., T)``, 0 to 1, what detections weigh beforehand; None: all alike.

        Returns:
            The fits, and the weights ``(B..., T)`` that were given to the detections, 0 to 1.
        """
        dtype = rays.dtype
        origins, rays, jacobian = (part.double() for part in (origins, rays, ray_jacobian))
        angle = angular_diameter(diameters.double(), jacobian)
        depth = torch.where(observed, size_depth(angle, self.physics.radius), 0.0)
        center = _mean_point(origins + depth[..., None] * rays, observed)
        sights = _Sights(
            origins - center[..., None, :], rays, pixel_angle(jacobian), depth, center[..., 2]
        )
        known = observed.double() if confidence is None else observed * confidence.double()
        seen = sights.origins, rays, jacobian
        weights = known
        # A far detection drags the first fit along, and its neighbours with it.
        for _ in range(_TRUST_ROUNDS):
            first = self._fit(sights, [_FIRST_WINDOW], weights, None)
            weights = known * _trust(first.positions[..., 0, :, :], *seen, self.outlier)
        fits = self._fit(sights, self.windows, weights, first.velocities[..., 0, :, :])
        fits = fits._replace(positions=fits.positions + center[..., None, None, :])
        return FittedMotion(*(part.to(dtype) for part in fits)), weights.to(dtype)

    def _fit(
        self,
        sights: _Sights,
        windows: Sequence[FitWindow],
        weights: Tensor,
        velocities: Tensor | None,
    ) -> FittedMotion:
        groups = [
            [window for window in windows if window.rolls is rolls] for rolls in (False, True)
        ]
        sight = self._sight(sights, weights)
        grounded = self._on_ground(sight, sights, weights)
        parts = [
            self._solve(
                sights,
                told,
                group,
                self._acceleration(sights, velocities, group[0].rolls),
            )
            for told, group in zip((sight, grounded), groups, strict=True)
            if group
        ]
        fitted = [window for group in groups for window in group]
        order = torch.tensor([fitted.index(window) for window in windows], device=weights.device)
        return FittedMotion(
            *(
                torch.cat(part, axis).index_select(axis, order)
                for part, axis in zip(zip(*parts, strict=True), _FIT_AXES, strict=True)
            )
        )

    def _sight(self, sights: _Sights, weights: Tensor) -> Sight:
        """What frames tell: across the ray, and roughly along it."""
        along = sights.rays[..., None] * sights.rays[..., None, :]
        eye = torch.eye(3).to(along)
        distance = sights.depth.clamp(min=_NEAREST)
        across_deviation = distance * sights.angle.clamp(min=1e-7) * self.pixel_deviation
        across = (weights / across_deviation.square())[..., None, None] * (eye - along)
        depth = (weights / (distance * self.size_deviation).square())[..., None, None] * along
        return Sight(sights.origins + sights.depth[..., None] * sights.rays, across + depth)

    def _on_ground(self, sight: Sight, sights: _Sights, weights: Tensor) -> Sight:
        """What frames tell if the ball is on the ground."""
        eye = torch.eye(3).to(sight.information)
        level = (weights / _ROLLING_DEVIATION**2)[..., None, None] * torch.outer(eye[2], eye[2])
        height = self.physics.radius - sights.center_height[..., None, None]
        ground = (height * eye[2]).expand_as(sight.point)
        pulled = sight.information @ sight.point[..., None] + level @ ground[..., None]
        # A frame without weight tells nothing, so any point will do.
        joined = sight.information + level
        return Sight(torch.linalg.solve(joined + 1e-9 * eye, pulled)[..., 0], joined)

    def _acceleration(self, sights: _Sights, velocities: Tensor | None, rolls: bool) -> Tensor:
        """Accelerations ``(B..., T, 3)`` at velocities ``(B..., T, 3)``; None: not known yet."""
        down = sights.rays.new_tensor((0.0, 0.0, -1.0)) * self.physics.gravity
        if velocities is None:
            return torch.zeros_like(sights.rays) if rolls else down.expand_as(sights.rays)
        if rolls:
            flat = velocities * velocities.new_tensor((1.0, 1.0, 0.0))
            pace = torch.linalg.vector_norm(flat, dim=-1, keepdim=True)
            return -self.physics.rolling_deceleration * flat / pace.clamp(min=1.0)
        speed = torch.linalg.vector_norm(velocities, dim=-1, keepdim=True)
        drag = self.physics.air_factor * (self.physics.drag + _USUAL_SPIN_DRAG)
        return down - drag * speed.clamp(max=_FASTEST) * velocities

    def _solve(
        self, sights: _Sights, sight: Sight, windows: Sequence[FitWindow], acceleration: Tensor
    ) -> FittedMotion:
        """Solve several windows around every frame at once."""
        count, frames = len(windows), sights.rays.shape[-2]
        numbers = torch.arange(frames, device=sights.rays.device)
        steps = (numbers[None, :] - numbers[:, None]).double()
        kernels = torch.cat([window.kernel(steps) for window in windows])
        moments = _Moments.of(sight, kernels, steps.repeat(count, 1) / self.rate)
        solution, covariance, residuals = moments.solve(
            torch.cat([acceleration] * count, -2),
            _ACCELERATION_DEVIATIONS[windows[0].rolls],
        )
        rays = torch.cat([sights.rays] * count, -2)
        variance = rays[..., None, :] @ covariance[..., :3, :3] @ rays[..., None]
        position, velocity = solution.split(3, -1)
        deviation = variance[..., 0, 0].clamp(min=0.0).sqrt()
        shape = (count, frames)
        return FittedMotion(
            position.unflatten(-2, shape),
            velocity.unflatten(-2, shape),
            deviation.unflatten(-1, shape),
            residuals.unflatten(-1, shape),
        )


_FIT_AXES = (-3, -3, -2, -2)
"""Where :class:`FittedMotion` counts the fits."""

_FIRST_WINDOW = FitWindow(10, 10)

_ACCELERATION_DEVIATIONS = (3.0, 1.5)
"""Metres a second squared that spin adds to a flight, and uneven turf takes from a rolling ball."""

_ROLLING_DEVIATION = 0.02
"""Metres that the centre of a rolling ball is off its radius above the ground."""

_USUAL_SPIN_DRAG = 0.03
"""What spin adds to the drag coefficient of most kicks."""

_FASTEST = 45.0
"""Metres a second."""

_PRIOR_DEVIATIONS = (25.0, 25.0, 8.0, 20.0, 20.0, 10.0)
"""Of position (about the window's middle) and velocity, where nothing is seen."""


class _Sights(NamedTuple):
    """A window, relative to a point in its middle.

    Attributes:
        origins: ``(B..., T, 3)``, relative to the middle.
        rays: ``(B..., T, 3)``.
        angle: ``(B..., T)``, of a pixel, radians.
        depth: ``(B..., T)``, metres, by the apparent size.
        center_height: ``(B...)``, height of the middle above the ground.
    """

    origins: Tensor
    rays: Tensor
    angle: Tensor
    depth: Tensor
    center_height: Tensor


class _Moments(NamedTuple):
    """Normal equations of ``x(t) = p + v t + a t² / 2`` around each of S frames.

    Attributes:
        matrix: ``(B..., S, 9, 9)``, of the unknowns p, v, a / 2.
        vector: ``(B..., S, 9)``.
        constant: ``(B..., S)``, the squared residual where all three are 0.
        weight: ``(B..., S)``, sum of the kernel over the frames that tell something.
    """

    matrix: Tensor
    vector: Tensor
    constant: Tensor
    weight: Tensor

    @classmethod
    def of(cls, sight: Sight, kernel: Tensor, steps: Tensor) -> _Moments:
        """Sum what the frames tell.

        Args:
            sight: Of T frames.
            kernel: ``(S, T)``, weight of a frame.
            steps: ``(S, T)``, seconds from the frame in question.
        """
        pulled = (sight.information @ sight.point[..., None])[..., 0]
        length = (pulled * sight.point).sum(-1)
        powers = torch.stack([kernel * steps**power for power in range(5)])
        blocks = torch.einsum("pst,...tij->...psij", powers, sight.information)
        vector = torch.einsum("pst,...ti->...psi", powers[:3], pulled)
        rows = [torch.cat([blocks[..., i + j, :, :, :] for j in range(3)], -1) for i in range(3)]
        told = (sight.information.diagonal(dim1=-2, dim2=-1).sum(-1) > 0).to(kernel)
        return cls(
            torch.cat(rows, -2),
            torch.cat([vector[..., i, :, :] for i in range(3)], -1),
            torch.einsum("st,...t->...s", kernel, length),
            torch.einsum("st,...t->...s", kernel, told),
        )

    def solve(self, acceleration: Tensor, deviation: float) -> tuple[Tensor, ...]:
        """Solve for all three unknowns, given what is known of them beforehand.

        Args:
            acceleration: ``(B..., S, 3)``, what is expected of a.
            deviation: How far a is from it, metres a second squared.

        Returns:
            p and v ``(B..., S, 6)``, covariance ``(B..., S, 9, 9)`` and residuals ``(B..., S)``.
        """
        deviations = *_PRIOR_DEVIATIONS, *(0.5 * deviation,) * 3
        prior = self.matrix.new_tensor(deviations) ** -2
        expected = torch.cat((torch.zeros_like(self.vector[..., :6]), 0.5 * acceleration), -1)
        covariance = torch.linalg.inv(self.matrix + torch.diag(prior))
        motion = (covariance @ (self.vector + prior * expected)[..., None])[..., 0]
        square = (motion * (self.matrix @ motion[..., None])[..., 0]).sum(-1)
        misfit = square - 2.0 * (motion * self.vector).sum(-1) + self.constant
        mean = misfit.clamp(min=0.0) / self.weight.clamp(min=1e-6)
        return motion[..., :6], covariance, (mean + 1e-12).sqrt()


def _trust(
    points: Tensor, origins: Tensor, rays: Tensor, ray_jacobian: Tensor, outlier: float
) -> Tensor:
    """Geman and McClure's weights ``(B..., T)`` of detections so far from where points appear."""
    offsets = pixel_offsets(points, origins, rays, ray_jacobian)
    return 1.0 / (1.0 + offsets.square().sum(-1) / outlier**2).square()


def _mean_point(points: Tensor, observed: Tensor) -> Tensor:
    """Mean ``(B..., 3)`` of the observed points; zeros where there are none."""
    weight = observed[..., None].to(points)
    return (points * weight).sum(-2) / weight.sum(-2).clamp(min=1.0)
