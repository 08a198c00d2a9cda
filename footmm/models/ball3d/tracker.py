"""Ball3DTracker: the ball in three dimensions from one moving camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from footmm.models.ball3d.features import BallLifting, BallObservations, LiftedBall
from footmm.models.ball3d.head import BallMotion
from footmm.models.ball3d.refinement import RefinedBall
from footmm.registry import MODELS


@MODELS.register_module()
class Ball3DTracker(BaseModel):
    """Tells where the ball is from detections in calibrated frames, with or without crops.

    Four parts follow each other: a look at crops corrects centre and diameter of the detections
    (``refiner``; left out in the variant for 2D tracks); geometry lifts them in several ways
    (:class:`BallLifting`); convolutions over time (``temporal``) and a head choose among these,
    correct them, and tell uncertainty and mode; the head's physics layer rolls the flight out.

    Args:
        rate: Frames a second of the windows.
        temporal: Config of the network over time, without ``in_channels``.
        head: Config of the head, without ``in_channels``, ``num_candidates`` and ``rate``.
        refiner: Config of the network that sees crops, or None.
        data_preprocessor: Config of what makes batches.
        init_cfg: MMEngine's.
    """

    def __init__(
        self,
        rate: float,
        temporal: dict,
        head: dict,
        refiner: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            MODELS.build(data_preprocessor or dict(type="Ball3DDataPreprocessor")), init_cfg
        )
        self.rate = rate
        self.lifting = BallLifting(rate)
        self.temporal = MODELS.build(dict(in_channels=self.lifting.num_features) | temporal)
        self.head = MODELS.build(
            dict(
                in_channels=self.temporal.channels,
                num_candidates=self.lifting.num_candidates,
                rate=rate,
            )
            | head
        )
        self.refiner = None if refiner is None else MODELS.build(refiner)

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        data_samples: Sequence[BaseDataElement] | None = None,
        mode: str = "tensor",
    ) -> BallMotion | dict[str, Tensor] | list[BaseDataElement]:
        """Run the model in one of MMEngine's three modes.

        Args:
            inputs: The fields of :class:`BallObservations` by name, and with a refiner ``crops``
                ``(B, T, 3, S, S)``.
            data_samples: B data samples, with labels for ``loss``.
            mode: ``tensor``, ``loss`` or ``predict``.

        Returns:
            ``tensor``: a :class:`BallMotion`. ``loss``: losses by name. ``predict``: the data
            samples with

            * ``pred_positions`` and ``pred_velocities`` ``(T, 3)``, metres (a second), world frame;
            * ``pred_scales`` ``(T, 2)``, standard deviations in metres along and across the ray;
            * ``pred_mode_scores`` ``(T, 4)``, probabilities of
              :class:`footmm.simulation.tracks.BallMode`;
            * ``pred_reliable`` ``(T,)``: False where too little was seen; the position is a guess
              then, and its deviation at least 30 m;
            * ``pred_future`` ``(F, 3)``, the flight after the window, by the physics layer.

        Raises:
            ValueError: ``mode`` is none of the three.
        """
        if mode not in ("tensor", "loss", "predict"):
            raise ValueError(f"mode='{mode}' has to be 'tensor', 'loss' or 'predict'")
        motion, lifted, refined = self.follow(inputs)
        if mode == "tensor":
            return motion
        if mode == "predict":
            return self.head.predict(motion, lifted, data_samples)
        detected = BallObservations.of(inputs)
        losses = self.head.loss(motion, detected, data_samples)
        if refined is not None:
            losses |= self.refiner.loss(refined, detected, data_samples)
        return losses

    def follow(
        self, inputs: Mapping[str, Tensor]
    ) -> tuple[BallMotion, LiftedBall, RefinedBall | None]:
        """Run the parts one after the other.

        Args:
            inputs: As in :meth:`forward`.

        Returns:
            What the head says, geometry's candidates, and what the crops show, None without crops.
        """
        seen = BallObservations.of(inputs)
        refined = None if self.refiner is None else self.refiner(inputs["crops"])
        seen = seen if refined is None else refined.correct(seen)
        lifted = self.lifting(seen, None if refined is None else refined.blur)
        motion = self.head(self.temporal(lifted.features), lifted, self.lifting.main)
        return motion, lifted, refined
