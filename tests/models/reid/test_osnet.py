"""OSNet against the authors' implementation."""

import importlib.util
from pathlib import Path

import pytest
import torch

from footmm.errors import ConfigError
from footmm.models import OSNet

PARAMETERS = {"x1_0": 2169508, "x0_75": 1285754, "x0_5": 630034, "x0_25": 201864}


@pytest.fixture(scope="module")
def torchreid_osnet():
    """torchreid's module alone: importing the package needs gdown and prints warnings."""
    package = importlib.util.find_spec("torchreid")
    if package is None:
        pytest.skip("torchreid is not installed")
    (path,) = Path(package.origin).parent.rglob("osnet.py")
    spec = importlib.util.spec_from_file_location("torchreid_osnet", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def randomise(model):
    """Leave the initial values, under which many mistakes would not show."""
    generator = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif value.ndim == 1:
            value.normal_(0.1, 0.2, generator=generator)
    return model


@pytest.mark.parametrize("arch", OSNet.arch_channels)
def test_torchreid_weights_give_torchreid_features(arch, torchreid_osnet):
    torch.manual_seed(0)
    peer = getattr(torchreid_osnet, f"osnet_{arch}")(num_classes=5, pretrained=False)
    peer = randomise(peer).eval()
    images = torch.randn(3, 3, 64, 32)

    model = OSNet(arch).eval()
    model.load_state_dict(peer.state_dict())
    assert peer(images).std() > 0.01
    assert torch.allclose(model(images)[0], peer(images), rtol=0, atol=1e-5)

    map_model = OSNet(arch, feature_dim=None).eval()
    map_model.load_state_dict(peer.state_dict())
    expected = peer(images, return_featuremaps=True)
    assert torch.allclose(map_model(images)[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("arch", OSNet.arch_channels)
def test_sizes(arch):
    model = OSNet(arch).eval()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[arch]
    assert f"{PARAMETERS[arch]:,}" in OSNet.__doc__
    assert model(torch.zeros(1, 3, 64, 32))[0].shape == (1, 512)
    features = OSNet(arch, feature_dim=None).eval()(torch.zeros(1, 3, 64, 32))
    assert [f.shape for f in features] == [(1, OSNet.arch_channels[arch][-1], 4, 2)]


def test_published_names():
    names = OSNet("x0_25").state_dict()
    for name in ("conv1.conv.weight", "conv2.0.conv2a.conv1.weight", "conv2.0.conv2d.3.bn.bias"):
        assert name in names
    for name in ("conv2.0.gate.fc1.weight", "conv2.2.0.conv.weight", "conv5.bn.bias", "fc.1.bias"):
        assert name in names
    assert "conv2.1.downsample.conv.weight" not in names


def test_keys_of_another_model_are_still_reported():
    state = OSNet("x0_25").state_dict() | {"layer1.weight": torch.zeros(1)}
    with pytest.raises(RuntimeError, match=r"layer1\.weight"):
        OSNet("x0_25").load_state_dict(state)


def test_same_seed_gives_the_same_weights():
    torch.manual_seed(5)
    first = OSNet("x0_25").state_dict()
    torch.manual_seed(5)
    second = OSNet("x0_25").state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_unknown_width():
    with pytest.raises(ConfigError, match="arch='x2_0' is unknown; choose one of x1_0, x0_75"):
        OSNet("x2_0")
