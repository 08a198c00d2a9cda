"""Transforms of the re-identification task."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.structures import ReIDDataSample

from footmm.registry import TRANSFORMS

JERSEY_NOT_VISIBLE = 100

_META_KEYS = (
    "img_path",
    "ori_shape",
    "img_shape",
    "sample_id",
    "person_id",
    "action_id",
    "camera_id",
    "role",
    "num_identities",
    "flip",
    "flip_direction",
)


@TRANSFORMS.register_module()
class PackReIDInputs(BaseTransform):
    """Packs a person's image and labels for the model.

    A label that the sample does not carry becomes an absent field, never a magic value:

    * ``gt_label``: the training identity, counted from 0;
    * ``gt_jersey``: int64 scalar, the number, ``JERSEY_NOT_VISIBLE`` where it cannot be seen;
    * ``gt_body_shape``: float32 (2,), height in metres and build (body-mass index / 22);
    * ``color_histogram``: float32 (D,), made by :class:`ComputeColorHistogram`.

    The metainfo holds ``img_path``, ``ori_shape``, ``img_shape``, ``sample_id``, ``person_id``,
    ``action_id``, ``camera_id``, ``role``, ``num_identities``, ``flip`` and ``flip_direction``,
    each where known.
    """

    def transform(self, results: dict) -> dict:
        """Return ``inputs``, uint8 (3, H, W), BGR, and ``data_samples``, a ReIDDataSample."""
        sample = ReIDDataSample(metainfo={k: results[k] for k in _META_KEYS if k in results})
        if "label" in results:
            sample.set_gt_label(results["label"])
        if "jersey" in results:
            sample.set_field(torch.tensor(results["jersey"]), "gt_jersey")
        if "body_shape" in results:
            body_shape = torch.tensor(results["body_shape"], dtype=torch.float32)
            sample.set_field(body_shape, "gt_body_shape")
        if "color_histogram" in results:
            sample.set_field(torch.from_numpy(results["color_histogram"]), "color_histogram")
        image = np.ascontiguousarray(results["img"].transpose(2, 0, 1))
        return {"inputs": torch.from_numpy(image), "data_samples": sample}


@TRANSFORMS.register_module()
class ComputeColorHistogram(BaseTransform):
    """Describes an image by the histogram of its colours, the baseline a model has to beat.

    Args:
        bins: Number of bins of hue, saturation and value.
    """

    def __init__(self, bins: Sequence[int] = (8, 8, 8)) -> None:
        self.bins = tuple(bins)

    def transform(self, results: dict) -> dict:
        """Set ``color_histogram``, float32 (D,), the joint HSV histogram of ``img``, sum 1."""
        hsv = cv2.cvtColor(results["img"], cv2.COLOR_BGR2HSV)
        # OpenCV's hue of 8-bit images ends at 180.
        histogram = cv2.calcHist([hsv], [0, 1, 2], None, self.bins, [0, 180, 0, 256, 0, 256])
        results["color_histogram"] = histogram.ravel() / histogram.sum()
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bins={self.bins})"
