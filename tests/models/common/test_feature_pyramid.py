import pytest
import torch

from footmm.errors import ConfigError
from footmm.models.common import FinestFeaturePyramid


def test_result_has_the_finest_size_and_every_parameter_a_gradient():
    neck = FinestFeaturePyramid(in_channels=(4, 8, 16), out_channels=6)
    maps = [torch.randn(2, 4, 8, 12), torch.randn(2, 8, 4, 6), torch.randn(2, 16, 2, 3)]
    (result,) = neck(maps)
    assert result.shape == (2, 6, 8, 12)
    result.square().sum().backward()
    assert all(parameter.grad is not None for parameter in neck.parameters())


def test_coarse_maps_reach_every_pixel():
    neck = FinestFeaturePyramid(in_channels=(1, 1), out_channels=1).eval()
    for lateral in neck.laterals:
        torch.nn.init.ones_(lateral.conv.weight)
    torch.nn.init.dirac_(neck.output.conv.weight)
    (result,) = neck([torch.zeros(1, 1, 4, 4), torch.full((1, 1, 2, 2), 3.0)])
    # The batch norm's epsilon is all that changes the sum.
    torch.testing.assert_close(result, torch.full((1, 1, 4, 4), 3.0), rtol=1e-4, atol=0)


def test_needs_maps():
    with pytest.raises(ConfigError, match="in_channels is empty"):
        FinestFeaturePyramid(in_channels=(), out_channels=1)
