"""RoIAlign: hand-computed values, gradients, and what is refused."""

from __future__ import annotations

import mmcv.ops
import pytest
import torch

from footmm.compat.mmcv_ops import MmcvOpUnavailableError

# A plane that is linear in x and y: the mean over a bin is the value at its centre.
ROWS, COLUMNS = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
PLANE = (10 * ROWS + COLUMNS)[None, None]
ROI = torch.tensor([[0.0, 4.0, 4.0, 8.0, 12.0]])  # x 2..4, y 2..6 in features at scale 0.5


@pytest.mark.parametrize(("aligned", "shift"), [(True, 0.5), (False, 0.0)])
def test_bins_of_a_linear_plane_have_the_value_at_their_centre(aligned, shift):
    pooled = mmcv.ops.roi_align(PLANE, ROI, (2, 2), 0.5, 2, "avg", aligned)
    expected = [[10 * (y - shift) + x - shift for x in (2.5, 3.5)] for y in (3, 5)]
    torch.testing.assert_close(pooled[0, 0], torch.tensor(expected))


def test_gradient_equals_finite_differences():
    features = torch.rand(2, 2, 5, 6, dtype=torch.double, requires_grad=True)
    rois = torch.tensor([[0, 0.3, 0.2, 4.1, 3.7], [1, 1.0, 1.0, 2.5, 4.0]], dtype=torch.double)
    torch.autograd.gradcheck(
        lambda x: mmcv.ops.roi_align(x, rois, (2, 3), 1.0, 0, "avg", True), (features,)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_its_type(dtype):
    features = PLANE.to(dtype).requires_grad_()
    pooled = mmcv.ops.roi_align(features, ROI.to(dtype), (1, 1), 0.5, 2, "avg", False)
    assert pooled.dtype == dtype
    assert pooled.item() == 43.0
    pooled.backward()
    assert features.grad.dtype == dtype
    assert features.grad.sum().item() == 1.0


def test_no_regions_give_an_empty_result():
    assert mmcv.ops.roi_align(PLANE, ROI[:0], (2, 2), 0.5, 2).shape == (0, 1, 2, 2)


def test_max_pooling_is_refused_by_name():
    with pytest.raises(MmcvOpUnavailableError, match="roi_align with pool_mode='max'"):
        mmcv.ops.roi_align(PLANE, ROI, (2, 2), 0.5, 2, "max", True)
