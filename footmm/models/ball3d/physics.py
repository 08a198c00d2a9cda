"""The physics layer: a flight from one state, with constants that learn."""

from __future__ import annotations

import math

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from footmm.pitch.ballistics import BallPhysics, BallState, limited, simulate

PRIOR_SPREADS = {"drag": 0.3, "lift": 0.3, "rolling_deceleration": 0.3, "restitution": 0.25}
"""What published values differ by: shares of the first three (drag coefficients 0.2 to 0.47 about
the drag crisis, rolling 0.3 to 0.9 m/s²), and 0.25 of the restitution's logit (0.67 to 0.77)."""

_STRIDE = 5
"""Frames of the integrator's long steps."""

_LIMITS = (200.0, 45.0, 450.0)
"""Of position, velocity and spin, metres, metres a second, radians a second: longer vectors of a
state are cut. A ball that rolls at 45 m/s spins with 410 rad/s."""


class LearnableBallPhysics(BaseModule):
    """The ball's physics with learnable drag, lift, restitution and rolling deceleration.

    What is learned are offsets of the constants' logarithms (of the restitution: of its logit) from
    the priors in :class:`footmm.pitch.ballistics.BallPhysics`, so no constant can leave its range.

    Args:
        prior: The constants that learning begins with; None: the defaults.
    """

    def __init__(self, prior: BallPhysics | None = None) -> None:
        super().__init__()
        self.prior = prior or BallPhysics()
        self.offsets = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(())) for name in PRIOR_SPREADS}
        )

    def physics(self) -> BallPhysics:
        """Return the constants, with graph."""
        constants = {
            name: getattr(self.prior, name) * offset.exp()
            for name, offset in self.offsets.items()
            if name != "restitution"
        }
        rest = float(self.prior.restitution)
        logit = math.log(rest / (1.0 - rest)) + self.offsets["restitution"]
        fixed = {name: value for name, value in vars(self.prior).items() if name not in constants}
        return BallPhysics(**(fixed | constants | {"restitution": logit.sigmoid()}))

    def prior_loss(self) -> Tensor:
        """Sum of the squared offsets, in units of what published values differ by; scalar."""
        parts = [(offset / PRIOR_SPREADS[name]).square() for name, offset in self.offsets.items()]
        return torch.stack(parts).sum()

    def roll_out(
        self,
        position: Tensor,
        velocity: Tensor,
        spin: Tensor,
        num_frames: int,
        rate: float,
        every: int = 1,
    ) -> Tensor:
        """Follow balls that nobody touches.

        Args:
            position: ``(B, 3)``, metres, world frame.
            velocity: ``(B, 3)``, metres a second.
            spin: ``(B, 3)``, radians a second.
            num_frames: Frames to follow.
            rate: Frames a second.
            every: Frames from one returned position to the next. The integrator takes steps of as
                many, or of five, from which those between follow side by side: 0.2 s are right to
                about a centimetre a second.

        Returns:
            ``(B, num_frames // every, 3)``, metres: of the frames after the given state, those
            numbered ``every``, ``2 * every``, ...
        """
        position, velocity, spin = (
            limited(vectors, limit)
            for vectors, limit in zip((position, velocity, spin), _LIMITS, strict=True)
        )
        physics = self.physics()
        if not torch.is_grad_enabled():
            # Without gradients plain numbers do, which are faster.
            physics = BallPhysics(**{name: float(value) for name, value in vars(physics).items()})
        state = BallState.of(position, velocity, spin, physics)
        if every > 1:
            path = simulate(state, num_frames // every * every / rate, rate / every, physics)
            return path.positions[1:].transpose(0, 1)
        strides = -(-num_frames // _STRIDE)
        path = simulate(state, strides * _STRIDE / rate, rate / _STRIDE, physics)
        parts = (path.positions, path.velocities, path.spins, path.rolling)
        between = simulate(
            BallState(*(part[:-1] for part in parts)), (_STRIDE - 1) / rate, rate, physics
        )
        positions = torch.cat((between.positions[1:], path.positions[None, 1:]))
        return positions.permute(2, 1, 0, 3).flatten(1, 2)[:, :num_frames]
