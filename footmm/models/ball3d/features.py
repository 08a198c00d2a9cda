"""What a network is told about the ball in each frame: geometry, made comparable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from footmm.pitch.ball_lifting import (
    FIT_WINDOWS,
    BallisticFits,
    FittedMotion,
    FitWindow,
    fill_gaps,
    fill_sights,
    pixel_offsets,
    size_points,
)

_REACH = 60.0
"""Metres: candidates further from the first one than this are brought nearer."""

_MAIN = FitWindow(8, 8)
"""The fit that everything is measured from."""


class BallObservations(NamedTuple):
    """Detections of the ball in B windows of T frames.

    Attributes:
        origins: ``(B, T, 3)``, the cameras' centres, metres, world frame.
        rays: ``(B, T, 3)``, unit vectors to the detections.
        ray_jacobian: ``(B, T, 3, 2)``, their derivatives with respect to the pixel.
        diameters: ``(B, T)``, pixels.
        scores: ``(B, T)``, 0 to 1.
        observed: ``(B, T)`` bool; everything else is 0 where it is False.
        pitch_size: ``(B, 2)``, length and width, metres.
    """

    origins: Tensor
    rays: Tensor
    ray_jacobian: Tensor
    diameters: Tensor
    scores: Tensor
    observed: Tensor
    pitch_size: Tensor

    @classmethod
    def of(cls, inputs: Mapping[str, Tensor]) -> BallObservations:
        """Take the fields, of the shapes above, out of a model's inputs, which may have more.

        Args:
            inputs: By name, as in :meth:`footmm.models.ball3d.tracker.Ball3DTracker.forward`.
        """
        return cls(*(inputs[name] for name in cls._fields))

    def filled(self) -> BallObservations:
        """Return the same with cameras and rays in all frames, between those that are known."""
        rays, jacobian, diameters = fill_sights(
            self.rays, self.ray_jacobian, self.diameters, self.observed
        )
        # A window without any detection looks down the middle of its pitch.
        ahead = rays.new_tensor((0.0, 0.8, -0.6))
        return self._replace(
            origins=fill_gaps(self.origins, self.observed),
            rays=torch.where((rays != 0).any(-1, keepdim=True), rays, ahead),
            ray_jacobian=jacobian,
            diameters=diameters,
        )


class LiftedBall(NamedTuple):
    """Geometry's answers, and what tells which of them are good.

    Attributes:
        positions: ``(B, K, T, 3)``, candidates, metres, world frame.
        velocities: ``(B, K, T, 3)``, metres a second.
        rays: ``(B, T, 3)``, of all frames.
        support: ``(B, T)``, detections that count, in the frames around.
        features: ``(B, T, C)``.
    """

    positions: Tensor
    velocities: Tensor
    rays: Tensor
    support: Tensor
    features: Tensor


class BallLifting(nn.Module):
    """Lifts detections in several ways and describes the outcomes.

    Nothing here is learned. Vectors are told in axes that look along the camera's heading, so that
    a network need not learn every direction; heights stay heights.

    Args:
        rate: Frames a second.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.fits = BallisticFits(rate)
        self.main = FIT_WINDOWS.index(_MAIN)

    @property
    def num_candidates(self) -> int:
        """K."""
        return len(self.fits.windows)

    @property
    def num_features(self) -> int:
        """C."""
        return _FEATURES_PER_FIT * self.num_candidates + _FEATURES_PER_FRAME

    @torch.no_grad()
    def forward(self, seen: BallObservations, blur: Tensor | None = None) -> LiftedBall:
        """Lift windows.

        Args:
            seen: Detections.
            blur: ``(B, T)``, length of the ball's streak, pixels; None where nobody measured it.
        """
        filled = seen.filled()
        sight = filled.origins, filled.rays, filled.ray_jacobian
        motion, weights = self.fits(*sight, filled.diameters, seen.observed, seen.scores)
        main = motion.positions[:, self.main]
        offsets = (motion.positions - main[:, None]).clamp(-_REACH, _REACH)
        motion = motion._replace(positions=main[:, None] + offsets)
        axes = _heading_axes(filled.rays)
        blur = torch.zeros_like(seen.scores) if blur is None else blur
        parts = [
            self._describe_fits(motion, offsets, axes),
            self._describe_frames(seen, filled, motion, weights, axes),
            torch.log1p(blur)[..., None],
        ]
        support = nn.functional.avg_pool1d(weights[:, None], 25, 1, 12)[:, 0] * 25
        return LiftedBall(
            motion.positions, motion.velocities, filled.rays, support, torch.cat(parts, -1)
        )

    def _describe_fits(self, motion: FittedMotion, offsets: Tensor, axes: Tensor) -> Tensor:
        """``(B, T, K * 9)``."""
        turned = axes[:, None, None]
        parts = [
            (turned @ offsets[..., None])[..., 0].asinh(),
            (turned @ motion.velocities[..., None])[..., 0].div(5.0).asinh(),
            motion.positions[..., 2:].asinh(),
            motion.deviations[..., None].clamp(1e-2, 1e2).log(),
            motion.residuals[..., None].clamp(1e-2, 1e3).log(),
        ]
        return torch.cat(parts, -1).transpose(1, 2).flatten(2)

    def _describe_frames(
        self,
        seen: BallObservations,
        filled: BallObservations,
        motion: FittedMotion,
        weights: Tensor,
        axes: Tensor,
    ) -> Tensor:
        """``(B, T, 17)``."""
        main = motion.positions[:, self.main]
        middle = main.mean(1, keepdim=True)
        sight = filled.origins, filled.rays, filled.ray_jacobian
        by_size = size_points(*sight, filled.diameters) - main
        misses = pixel_offsets(main, *sight) * seen.observed[..., None]
        beyond = main[..., :2].abs() - 0.5 * seen.pitch_size[:, None]
        turned = axes[:, None]
        # Not len(main): that of a traced batch is fixed.
        batch, count = seen.observed.shape
        time = torch.linspace(-1.0, 1.0, count, device=main.device).expand(batch, count)
        scalars = torch.stack(
            (
                seen.observed.float(),
                seen.scores,
                weights,
                (by_size * filled.rays).sum(-1).clamp(-_REACH, _REACH).asinh(),
                torch.linalg.vector_norm(main - filled.origins, dim=-1).clamp(1.0, 200.0).log(),
                filled.origins[..., 2] / 20.0,
                time,
            ),
            -1,
        )
        parts = [
            scalars,
            (turned @ filled.rays[..., None])[..., 0] * 3.0,
            (turned @ (main - middle)[..., None])[..., 0].div(5.0).asinh(),
            misses.clamp(-1e3, 1e3).asinh(),
            beyond.clamp(-20.0, 20.0).asinh(),
        ]
        return torch.cat(parts, -1)


_FEATURES_PER_FIT = 9
_FEATURES_PER_FRAME = 18
"""With the blur."""


def _heading_axes(rays: Tensor) -> Tensor:
    """Axes ``(B, 3, 3)``: rows to the right, ahead (both level) and up, of windows' mean rays."""
    x, y, _ = rays.mean(1).unbind(-1)
    length = torch.hypot(x, y)
    level = length > 1e-6
    x, y = (
        torch.where(level, part / length.clamp(min=1e-6), rest)
        for part, rest in ((x, 0.0), (y, 1.0))
    )
    none, one = torch.zeros_like(x), torch.ones_like(x)
    rows = ((y, -x, none), (x, y, none), (none, none, one))
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
