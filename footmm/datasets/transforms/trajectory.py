"""Transforms of windows of tracks."""

from __future__ import annotations

from typing import Any

import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import BaseDataElement

from footmm.registry import TRANSFORMS

_INPUTS = ("positions", "present", "team", "goalkeeper")
_META = ("match", "source", "rate", "period", "frame_ids", "pitch_size", "agent_ids")
_LABELS = ("strategy", "has_strategy")


@TRANSFORMS.register_module()
class PackTrajectoryInputs(BaseTransform):
    """Packs a window into the model's inputs and a data sample.

    Required keys: those of a window, see :class:`footmm.datasets.trajectory.TrajectoryDataset`.

    Packs ``inputs``, a dict of the tensors ``positions`` (T, A, 2), ``present`` (T, A), ``team``
    (A,) and ``goalkeeper`` (A,); and ``data_samples``, which carries the same tensors, and what
    there is of names, frame numbers and labels.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``inputs`` and ``data_samples``."""
        inputs = {name: torch.from_numpy(results[name]) for name in _INPUTS}
        sample = BaseDataElement(
            metainfo={name: results[name] for name in (*_META, "num_observed")}
        )
        labels = {name: torch.from_numpy(results[name]) for name in _LABELS if name in results}
        for name, value in (inputs | labels).items():
            sample.set_field(value, name)
        return dict(inputs=inputs, data_samples=sample)
