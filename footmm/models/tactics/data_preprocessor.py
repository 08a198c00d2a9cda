"""From the graphs of a batch to one graph on the device."""

from __future__ import annotations

from typing import Any

from mmengine.model import BaseDataPreprocessor
from torch_geometric.data import Batch

from footmm.registry import MODELS


@MODELS.register_module()
class TacticsDataPreprocessor(BaseDataPreprocessor):
    """Makes one graph of those of a batch, which are not connected to each other.

    PyTorch Geometric's ``Data`` is nothing that MMEngine's ``cast_data`` knows, so it is moved to
    the device here.

    Args:
        non_blocking: Whether the copy to the device may overlap with other work.
    """

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return ``inputs``, a ``Batch``, and ``data_samples``, all on the device.

        Args:
            data: ``inputs``: B graphs; ``data_samples``: B data samples.
            training: Not used: windows are changed before their graphs are made.
        """
        batch = Batch.from_data_list(list(data["inputs"]))
        inputs = batch.to(self.device, non_blocking=self._non_blocking)
        samples = data.get("data_samples")
        return dict(
            data,
            inputs=inputs,
            data_samples=None if samples is None else self.cast_data(samples),
        )
