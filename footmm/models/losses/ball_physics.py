"""Loss of motion that no ball can do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from footmm.errors import ConfigError
from footmm.models.losses.ball3d import smooth_length
from footmm.models.losses.reduction import full_precision, weighted_mean
from footmm.pitch.ballistics import BallPhysics, BallState, energy, limited, step
from footmm.registry import MODELS
from footmm.simulation.tracks import BallMode, is_untouched

_FARTHEST = 500.0
"""Metres; what an untrained network says beyond is cut, so that nothing overflows."""

_FASTEST = 60.0
_MOST_SPIN = 550.0
"""Radians a second: a ball that rolls as fast as the fastest one spins as much."""


@MODELS.register_module()
class PhysicsConstraintLoss(nn.Module):
    """How far consecutive states are from each other's consequences.

    Between two frames in which nobody touches the ball (it flies or rolls in both, and does not
    take off from the ground), :func:`footmm.pitch.ballistics.step` says what follows from the first
    state. Four terms, each zero on exact flights:

    * ``gravity``: distance in metres of the next position, and in metres a second, times the time
      between frames, of the next velocity, from what follows; bounces included;
    * ``contact``: metres that a ball is below its radius, and that a rolling ball is off it or
      leaves it within a frame;
    * ``energy``: joules a kilogramme, over gravity (so metres of height), that are gained;
    * ``speed``: metres a second above ``max_speed``, wherever the weight is not zero.

    Args:
        rate: Frames a second.
        gravity_weight: Factor on the first term.
        contact_weight: Factor on the second.
        energy_weight: Factor on the third.
        speed_weight: Factor on the fourth.
        max_speed: Metres a second; the fastest shots are near 40.
        physics: The ball; None: the defaults.
        loss_weight: Factor on the sum.

    Raises:
        ConfigError: ``rate`` or ``max_speed`` is not above 0.
    """

    def __init__(
        self,
        rate: float,
        gravity_weight: float = 1.0,
        contact_weight: float = 1.0,
        energy_weight: float = 0.1,
        speed_weight: float = 0.1,
        max_speed: float = 45.0,
        physics: BallPhysics | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if rate <= 0 or max_speed <= 0:
            raise ConfigError(
                f"PhysicsConstraintLoss(rate={rate}, max_speed={max_speed}): both are above 0"
            )
        self.rate = rate
        self.weights = dict(
            gravity=gravity_weight,
            contact=contact_weight,
            energy=energy_weight,
            speed=speed_weight,
        )
        self.max_speed = max_speed
        self.physics = physics or BallPhysics()
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Weighted sum of the terms.

        Args:
            pred: Shape (B, T, 9): position (metres, world frame), velocity (metres a second) and
                spin (radians a second) in consecutive frames.
            target: Shape (B, T), :class:`footmm.simulation.tracks.BallMode` of the frames.
            weight: Weight of each frame, shape (B, T); zero masks it. What two frames are about
                weighs as the lighter one.

        Returns:
            Scalar; a zero with graph where nothing counts.
        """
        terms = self.terms(pred, target, weight)
        return self.loss_weight * sum(self.weights[name] * term for name, term in terms.items())

    def terms(self, pred: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """The four terms by name, scalars, without their weights.

        Args:
            pred: As in :meth:`forward`.
            target: As in :meth:`forward`.
            weight: As in :meth:`forward`.
        """
        pred = torch.where(weight[..., None] > 0, full_precision(pred), 0.0)
        position, velocity, spin = pred.split(3, -1)
        radius = float(self.physics.radius)
        position, velocity, spin = (
            limited(vectors, limit)
            for vectors, limit in (
                (position, _FARTHEST),
                (velocity, _FASTEST),
                (spin, _MOST_SPIN),
            )
        )
        flies, rolls = target == BallMode.FLY, target == BallMode.ROLL
        untouched = is_untouched(target[:, :-1], target[:, 1:])
        pairs = torch.minimum(weight[:, :-1], weight[:, 1:]) * untouched
        now = self._states(position, velocity, spin, rolls, radius)
        moved = step(_frames(now, slice(None, -1)), 1.0 / self.rate, self.physics)
        height = position[..., 2] - radius
        off_ground = (-height).clamp(min=0.0) + rolls * height.clamp(min=0.0)
        off_ground = off_ground + rolls * velocity[..., 2].abs() / self.rate
        rolling = BallState(position, velocity, spin, rolls)
        stored = energy(rolling, self.physics) / (self.physics.mass * self.physics.gravity)
        gain = (stored[:, 1:] - stored[:, :-1] - 1e-4).clamp(min=0.0)
        speed = torch.linalg.vector_norm(pred[..., 3:6], dim=-1)
        return {
            "gravity": _mean(
                smooth_length(moved.position - position[:, 1:], 0.1)
                + smooth_length(moved.velocity - velocity[:, 1:], 1.0) / self.rate,
                pairs,
            ),
            "contact": _mean(off_ground, weight * (flies | rolls)),
            "energy": _mean(gain.clamp(max=_FARTHEST), pairs),
            "speed": _mean((speed - self.max_speed).clamp(min=0.0), weight),
        }

    def _states(
        self, position: Tensor, velocity: Tensor, spin: Tensor, rolls: Tensor, radius: float
    ) -> BallState:
        """States that a step can be made from: nothing below the ground, rolling balls on it."""
        height = torch.where(rolls, radius, position[..., 2].clamp(min=radius))
        rising = torch.where(rolls, 0.0, velocity[..., 2])
        position = torch.cat((position[..., :2], height[..., None]), -1)
        velocity = torch.cat((velocity[..., :2], rising[..., None]), -1)
        return BallState(position, velocity, spin, rolls)


def _frames(state: BallState, frames: slice) -> BallState:
    parts = (state.position, state.velocity, state.spin, state.rolling)
    return BallState(*(part[:, frames] for part in parts))


def _mean(losses: Tensor, weight: Tensor) -> Tensor:
    return weighted_mean(losses.flatten(), weight.flatten())
