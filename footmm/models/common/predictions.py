"""From the predictions of a batch to its data samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmengine.structures import BaseDataElement
from torch import Tensor


def set_predictions(
    data_samples: Sequence[BaseDataElement], predictions: Mapping[str, Tensor]
) -> list[BaseDataElement]:
    """Give every data sample its part of a batch's predictions.

    Args:
        data_samples: B data samples, which are changed.
        predictions: Tensors ``(B, ...)`` by the name of the field.

    Returns:
        The data samples.
    """
    for name, batch in predictions.items():
        for sample, prediction in zip(data_samples, batch, strict=True):
            # A mere view would bring the whole batch along wherever it is pickled.
            sample.set_field(prediction.detach().clone(), name)
    return list(data_samples)
