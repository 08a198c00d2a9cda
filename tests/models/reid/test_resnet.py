"""ReIDResNet against torchvision's ResNet."""

import pytest
import torch
import torchvision
from torchvision.models.feature_extraction import create_feature_extractor

from footmm.errors import ConfigError
from footmm.models import ReIDResNet


@pytest.mark.parametrize("depth", [18, 50])
def test_last_stride_two_is_torchvisions_network(depth):
    peer = getattr(torchvision.models, f"resnet{depth}")(weights=None).eval()
    images = torch.randn(2, 3, 64, 32)
    expected = create_feature_extractor(peer, ["layer4"])(images)["layer4"]

    model = ReIDResNet(depth, last_stride=2).eval()
    model.load_state_dict(peer.state_dict())
    assert torch.equal(model(images)[0], expected)

    finer = ReIDResNet(depth, last_stride=1).eval()
    finer.load_state_dict(peer.state_dict())
    assert finer(images)[0].shape == (2, expected.shape[1], 4, 2)


def test_resnet50_has_2048_channels_at_a_sixteenth():
    assert ReIDResNet().eval()(torch.zeros(1, 3, 64, 32))[0].shape == (1, 2048, 4, 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"depth": 51}, "depth=51 is unknown"), ({"last_stride": 4}, "last_stride=4 has to be 1")],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(ConfigError, match=message):
        ReIDResNet(**wrong)
