"""From the features of frames to the ball's motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.errors import ConfigError
from footmm.models.ball3d.features import BallObservations, LiftedBall
from footmm.models.ball3d.physics import LearnableBallPhysics
from footmm.models.common import set_predictions
from footmm.models.losses.reduction import weighted_mean
from footmm.pitch.ball_lifting import pixel_offsets, ray_axes
from footmm.registry import MODELS
from footmm.simulation.tracks import BallMode, is_untouched

NUM_MODES = len(BallMode)

_SPIN_SCALE = 30.0
"""Radians a second that a predicted spin is counted in."""

_TRUST = 3.0
"""Logit that the main fit begins with."""

_LOG_SCALES = (-4.0, 4.0)
"""Least and greatest logarithm of a standard deviation in metres."""

_FLIGHT_STEP = 5
"""Frames from one compared position of a rolled-out flight to the next."""

_LOST_SCALE = 30.0
"""Metres: standard deviation of a position that must not be trusted."""


class BallMotion(NamedTuple):
    """What a network says of T frames of B windows.

    Attributes:
        positions: ``(B, T, 3)``, metres, world frame.
        velocities: ``(B, T, 3)``, metres a second.
        spins: ``(B, T, 3)``, radians a second; only the physics layer uses them.
        log_scales: ``(B, T, 2)``, logarithms of the standard deviations along and across the ray.
        mode_logits: ``(B, T, 4)`` of :class:`footmm.simulation.tracks.BallMode`.
    """

    positions: Tensor
    velocities: Tensor
    spins: Tensor
    log_scales: Tensor
    mode_logits: Tensor


class BallLabels(NamedTuple):
    """Labels of B windows, see the datasets of ``ball3d``; masks are of type float."""

    positions: Tensor
    has_position: Tensor
    velocities: Tensor
    has_velocity: Tensor
    mode: Tensor
    has_mode: Tensor
    future_positions: Tensor
    has_future: Tensor
    future_mode: Tensor
    has_future_mode: Tensor

    @classmethod
    def of(cls, data_samples: Sequence[BaseDataElement]) -> BallLabels:
        """Stack the labels of data samples."""
        return cls(
            *(torch.stack([sample.get(name) for sample in data_samples]) for name in cls._fields)
        )


@MODELS.register_module()
class Ball3DHead(BaseModule):
    """Chooses among geometry's answers, corrects them, and says how sure it is.

    The position of a frame is a mean of the candidates, weighted by a softmax, plus a correction in
    the axes of the viewing ray; the velocity likewise. In the loss, the physics layer rolls out the
    flight from the window's last frame, and the states of neighbouring frames must follow from
    each other (:class:`PhysicsConstraintLoss`).

    Args:
        in_channels: Numbers a frame comes with.
        num_candidates: Of :class:`LiftedBall`.
        rate: Frames a second.
        num_future: Frames that are predicted after the window.
        loss_position: Config of the loss of positions and their uncertainty.
        loss_reprojection: Config of the loss of pixels.
        loss_velocity: Config of the loss of velocities.
        loss_physics: Config of the loss of impossible motion.
        loss_flight: Config of the loss of the rolled-out flight.
        mode_weight: Factor on the cross entropy of the mode.
        prior_weight: Factor on what the physics layer's constants are off their priors.
        least_support: Detections within half a second to each side that a position needs to be
            called reliable.
        init_cfg: MMEngine's.

    Raises:
        ConfigError: ``num_future`` is negative, or no multiple of 5.
    """

    def __init__(
        self,
        in_channels: int,
        num_candidates: int,
        rate: float,
        num_future: int,
        loss_position: dict,
        loss_reprojection: dict,
        loss_velocity: dict,
        loss_physics: dict,
        loss_flight: dict,
        mode_weight: float = 0.2,
        prior_weight: float = 0.01,
        least_support: float = 2.5,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_future % _FLIGHT_STEP or num_future < 0:
            raise ConfigError(
                f"Ball3DHead(num_future={num_future}): give 0 or a multiple of {_FLIGHT_STEP}"
            )
        self.rate = rate
        self.num_future = num_future
        self.mode_weight = mode_weight
        self.prior_weight = prior_weight
        self.least_support = least_support
        self.sizes = (num_candidates, num_candidates, 3, 3, 3, 2, NUM_MODES)
        self.output = nn.Sequential(
            nn.LayerNorm(in_channels), nn.Linear(in_channels, sum(self.sizes))
        )
        self.physics = LearnableBallPhysics()
        self.loss_position = MODELS.build(loss_position)
        self.loss_reprojection = MODELS.build(loss_reprojection)
        self.loss_velocity = MODELS.build(loss_velocity)
        self.loss_physics = MODELS.build(dict(rate=rate) | loss_physics)
        self.loss_flight = MODELS.build(loss_flight)
        # An untrained head says what geometry says.
        nn.init.zeros_(self.output[1].weight)
        nn.init.zeros_(self.output[1].bias)

    def forward(self, tokens: Tensor, lifted: LiftedBall, main: int) -> BallMotion:
        """Say where the ball is.

        Args:
            tokens: ``(B, T, in_channels)``.
            lifted: The candidates.
            main: The candidate that an untrained head trusts.
        """
        outputs = self.output(tokens).float().split(self.sizes, -1)
        trust, trust_velocity, correction, change, spins, log_scales, mode_logits = outputs
        first = F.one_hot(torch.tensor(main), self.sizes[0]).to(trust) * _TRUST
        axes = ray_axes(lifted.rays)
        return BallMotion(
            _blend(trust + first, lifted.positions) + _turned_back(axes, correction),
            _blend(trust_velocity + first, lifted.velocities) + _turned_back(axes, 3.0 * change),
            _SPIN_SCALE * spins,
            log_scales.clamp(*_LOG_SCALES),
            mode_logits,
        )

    def loss(
        self,
        motion: BallMotion,
        seen: BallObservations,
        data_samples: Sequence[BaseDataElement],
    ) -> dict[str, Tensor]:
        """Losses of windows.

        Args:
            motion: What :meth:`forward` says.
            seen: The detections, of which only those of labelled frames count.
            data_samples: With the labels.

        Returns:
            Losses by name, scalars.
        """
        labels = BallLabels.of(data_samples)
        losses = {
            "loss_position": self._loss_of_positions(motion, seen, labels),
            "loss_reprojection": self.loss_reprojection(
                pixel_offsets(motion.positions, seen.origins, seen.rays, seen.ray_jacobian),
                torch.zeros_like(motion.positions[..., :2]),
                (seen.observed * seen.scores).float(),
            ),
            "loss_velocity": self.loss_velocity(
                motion.velocities, labels.velocities, labels.has_velocity.float()
            ),
            "loss_mode": self._loss_of_modes(motion, labels),
            "loss_physics": self.loss_physics(
                torch.cat((motion.positions, motion.velocities, motion.spins), -1),
                labels.mode,
                labels.has_mode.float(),
            ),
            "loss_constants": self.prior_weight * self.physics.prior_loss(),
        }
        if self.num_future:
            losses["loss_flight"] = self._loss_of_flights(motion, labels)
        return losses

    def predict(
        self,
        motion: BallMotion,
        lifted: LiftedBall,
        data_samples: Sequence[BaseDataElement],
    ) -> list[BaseDataElement]:
        """Fill data samples with ``pred_*``; see :class:`Ball3DTracker`."""
        decoded = self.decode(motion, lifted)
        last = (decoded[name][:, -1] for name in ("positions", "velocities", "spins"))
        future = self.physics.roll_out(*last, self.num_future, self.rate)
        names = ("positions", "velocities", "scales", "mode_scores", "reliable")
        predictions = {f"pred_{name}": decoded[name] for name in names}
        return set_predictions(data_samples, predictions | {"pred_future": future})

    def decode(self, motion: BallMotion, lifted: LiftedBall) -> dict[str, Tensor]:
        """Put what :meth:`forward` says into metres and probabilities, without nans.

        Args:
            motion: What :meth:`forward` says.
            lifted: The candidates.

        Returns:
            ``positions``, ``velocities``, ``spins`` ``(B, T, 3)``, ``scales`` ``(B, T, 2)``,
            ``mode_scores`` ``(B, T, 4)`` and ``reliable`` ``(B, T)``, see :class:`Ball3DTracker`.
        """
        finite = torch.cat((motion.positions, motion.velocities), -1).isfinite().all(-1)
        reliable = finite & (lifted.support >= self.least_support)
        lost = ~finite[..., None]
        positions = torch.where(lost, 0.0, motion.positions)
        velocities = torch.where(lost, 0.0, motion.velocities)
        scales = motion.log_scales.exp().nan_to_num(nan=_LOST_SCALE)
        scales = torch.where(reliable[..., None], scales, scales.clamp(min=_LOST_SCALE))
        return dict(
            positions=positions,
            velocities=velocities,
            spins=motion.spins.nan_to_num(),
            scales=scales,
            mode_scores=motion.mode_logits.nan_to_num().softmax(-1),
            reliable=reliable,
        )

    def _loss_of_positions(
        self, motion: BallMotion, seen: BallObservations, labels: BallLabels
    ) -> Tensor:
        way = labels.positions - seen.origins
        known = labels.has_position & (seen.origins != 0).any(-1)
        axes = ray_axes(F.normalize(torch.where(known[..., None], way, 1.0), dim=-1))
        errors = (axes @ (motion.positions - labels.positions)[..., None])[..., 0]
        pred = torch.cat((errors, motion.log_scales), -1)
        weight = labels.has_position.float()
        return self.loss_position(pred, torch.zeros_like(errors), weight)

    def _loss_of_modes(self, motion: BallMotion, labels: BallLabels) -> Tensor:
        losses = F.cross_entropy(motion.mode_logits.mT, labels.mode, reduction="none")
        weight = labels.has_mode.flatten()
        return self.mode_weight * weighted_mean(losses.flatten(), weight)

    def _loss_of_flights(self, motion: BallMotion, labels: BallLabels) -> Tensor:
        """How far the rolled-out flight is off, until somebody touches the ball."""
        future = self.physics.roll_out(
            motion.positions[:, -1],
            motion.velocities[:, -1],
            motion.spins[:, -1],
            self.num_future,
            self.rate,
            _FLIGHT_STEP,
        )
        chosen = slice(_FLIGHT_STEP - 1, None, _FLIGHT_STEP)
        free = _free_frames(labels)[:, chosen].float()
        return self.loss_flight(future, labels.future_positions[:, chosen], free)


def _free_frames(labels: BallLabels) -> Tensor:
    """``(B, F)``: labelled frames of the future that no touch comes before."""
    modes = torch.cat((labels.mode[:, -1:], labels.future_mode), 1)
    has_mode = torch.cat((labels.has_mode[:, -1:], labels.has_future_mode), 1)
    untouched = is_untouched(modes[:, :-1], modes[:, 1:]) & has_mode[:, :-1] & has_mode[:, 1:]
    return labels.has_future & untouched.cumprod(1).bool()


def _blend(logits: Tensor, candidates: Tensor) -> Tensor:
    """Mean ``(B, T, 3)`` of candidates ``(B, K, T, 3)`` by the softmax of ``(B, T, K)``."""
    return torch.einsum("btk,bktc->btc", logits.softmax(-1), candidates)


def _turned_back(axes: Tensor, vectors: Tensor) -> Tensor:
    """Vectors ``(B, T, 3)`` told in axes (rows) ``(B, T, 3, 3)``, in the world frame."""
    return (axes.mT @ vectors[..., None])[..., 0]
