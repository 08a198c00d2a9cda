"""From the windows of a batch to tensors on the device."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from footmm.registry import MODELS

_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_STD = (58.395, 57.12, 57.375)


@MODELS.register_module()
class Ball3DDataPreprocessor(BaseDataPreprocessor):
    """Stacks windows of equal length; crops become normalised RGB.

    A detection with a number that is not finite counts as none.

    Args:
        mean: Of the crops' channels red, green and blue, 0 to 255.
        std: Their standard deviations.
        non_blocking: Whether the copy to the device may overlap with other work.
    """

    def __init__(
        self,
        mean: tuple[float, float, float] = _IMAGENET_MEAN,
        std: tuple[float, float, float] = _IMAGENET_STD,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return ``inputs``, stacked, and ``data_samples``, all on the device.

        Args:
            data: ``inputs``: lists of B tensors by name; ``data_samples``: B data samples.
            training: Of no influence.
        """
        inputs = {name: torch.stack(list(parts)) for name, parts in data["inputs"].items()}
        sizes = [sample.pitch_size for sample in data["data_samples"]]
        inputs["pitch_size"] = torch.tensor(sizes, dtype=torch.float32)
        data = self.cast_data(dict(data, inputs=inputs))
        return dict(data, inputs=self.clean(data["inputs"]))

    def clean(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Normalise the crops, and take out detections that are not finite.

        Args:
            inputs: Stacked tensors by name: the fields of
                :class:`footmm.models.ball3d.features.BallObservations`, and perhaps ``crops``
                ``(B, T, 3, S, S)``, RGB, 0 to 255.

        Returns:
            The same names and shapes: like ``inputs``.
        """
        if "crops" in inputs:
            inputs = inputs | {"crops": (inputs["crops"].float() - self.mean) / self.std}
        return _without_nans(inputs)


def _without_nans(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Zeros instead of what is not finite, and such frames not observed."""
    names = ("origins", "rays", "ray_jacobian", "diameters", "scores")
    finite = torch.stack(
        [
            inputs[name].flatten(2).isfinite().all(-1)
            if inputs[name].ndim > 2
            else inputs[name].isfinite()
            for name in names
        ]
    ).all(0)
    cleaned = {name: torch.where(_like(finite, inputs[name]), inputs[name], 0.0) for name in names}
    return inputs | cleaned | {"observed": inputs["observed"] & finite}


def _like(mask: Tensor, values: Tensor) -> Tensor:
    """The mask ``(B, T)`` with the dimensions of the values ``(B, T, ...)``."""
    return mask.reshape(*mask.shape, *(1,) * (values.ndim - mask.ndim))
