"""mmcv's ops on the fallback against recorded results of compiled mmcv 2.1.0."""

from __future__ import annotations

import os
from pathlib import Path

import mmcv.ops
import numpy as np
import pytest
import torch

pytestmark = pytest.mark.realdata
ROOT = Path(__file__).resolve().parents[3]
SIZES = [1, 50, 1000]


@pytest.fixture(scope="module")
def reference() -> dict[str, torch.Tensor]:
    realdata = Path(os.environ.get("FOOTMM_REALDATA", ROOT.parent / "shared" / "realdata"))
    path = realdata.parent / "reference" / "mmcv_ops.npz"
    if not path.is_file():
        pytest.skip(f"no recorded results of compiled mmcv at {path}")
    with np.load(path) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


def assert_same(result, reference, key):
    dets, keep = result
    assert keep.tolist() == reference[f"{key}_keep"].tolist()
    torch.testing.assert_close(dets, reference[f"{key}_dets"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("offset", [0, 1])
def test_nms(reference, size, offset):
    boxes, scores = reference[f"n{size}_boxes"], reference[f"n{size}_scores"]
    result = mmcv.ops.nms(boxes, scores, 0.5, offset=offset)
    assert_same(result, reference, f"n{size}_nms_off{offset}")


@pytest.mark.parametrize("size", SIZES)
def test_nms_with_score_threshold(reference, size):
    boxes, scores = reference[f"n{size}_boxes"], reference[f"n{size}_scores"]
    result = mmcv.ops.nms(boxes, scores, 0.5, score_threshold=0.3, max_num=20)
    assert_same(result, reference, f"n{size}_nms_thr")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", ["naive", "linear", "gaussian"])
def test_soft_nms(reference, size, method):
    boxes, scores = reference[f"n{size}_boxes"], reference[f"n{size}_scores"]
    result = mmcv.ops.soft_nms(boxes, scores, 0.5, sigma=0.5, min_score=1e-3, method=method)
    assert_same(result, reference, f"n{size}_softnms_{method}")


@pytest.mark.parametrize("size", SIZES)
def test_batched_nms(reference, size):
    boxes, scores, classes = (reference[f"n{size}_{name}"] for name in ("boxes", "scores", "cls"))
    config = {"type": "nms", "iou_threshold": 0.6}
    result = mmcv.ops.batched_nms(boxes, scores, classes, config)
    assert_same(result, reference, f"n{size}_batched")


def test_roi_align(reference):
    features = reference["roi_feat"].requires_grad_()
    rois = reference["roi_rois"]
    aligned = mmcv.ops.roi_align(features, rois, (7, 7), 0.25, 2, "avg", True)
    torch.testing.assert_close(aligned, reference["roi_align_avg_aligned"], rtol=0, atol=1e-5)
    aligned.square().sum().backward()
    torch.testing.assert_close(features.grad, reference["roi_align_grad"], rtol=1e-5, atol=1e-5)
    unaligned = mmcv.ops.roi_align(features, rois, (7, 7), 0.25, 2, "avg", False)
    torch.testing.assert_close(unaligned, reference["roi_align_avg_unaligned"], rtol=0, atol=1e-5)


def test_deformable_convolution(reference):
    x, offset, mask, weight = (reference[f"dcn_{name}"] for name in ("x", "offset", "mask", "w"))
    v1 = mmcv.ops.deform_conv2d(x, offset, weight, 1, 1, 1, 1, 1)
    torch.testing.assert_close(v1, reference["dcn_v1"], rtol=0, atol=1e-5)
    v2 = mmcv.ops.modulated_deform_conv2d(x, offset, mask, weight, None, 1, 1, 1, 1, 1)
    torch.testing.assert_close(v2, reference["dcn_v2"], rtol=0, atol=1e-5)
