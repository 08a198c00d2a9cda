"""Published weights: loaded where they can be had, done without where they cannot."""

import functools
import http.server
import socket
import threading
import time
from urllib.error import URLError

import pytest
import torch
import torchvision
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import get_torchvision_models
from mmpose.models.backbones import ResNet

from footmm.errors import CheckpointError
from footmm.models import OSNet, ReIDResNet
from footmm.models.common import fetch_checkpoint, pretrained


@pytest.fixture
def log(caplog):
    """MMEngine's logger does not propagate, so pytest has to be given its records."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of torch.hub, and no proxy between the tests' servers and us."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def server(tmp_path):
    """Address of a server for the files of ``tmp_path``."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def osnet(checkpoint):
    torch.manual_seed(0)
    return OSNet("x0_25", init_cfg={"type": "Pretrained", "checkpoint": checkpoint})


def unreachable(*args, **kwargs):
    raise URLError("Name or service not known")


@pytest.mark.parametrize("checkpoint", ["https://example.org/osnet.pth", "torchvision://resnet50"])
def test_offline_run_warns_and_starts_from_scratch(checkpoint, monkeypatch, log):
    monkeypatch.setattr(pretrained, "load_url", unreachable)
    model = osnet(checkpoint)
    before = model.conv2[0].conv2a.conv1.weight.clone()
    model.init_weights()
    assert model.is_init
    assert torch.equal(model.conv2[0].conv2a.conv1.weight, before)
    (warning,) = [r.getMessage() for r in log.records if r.levelname == "WARNING"]
    assert warning == (
        f"pretrained weights {checkpoint} could not be fetched (URLError: <urlopen error Name or "
        "service not known>), training starts from scratch"
    )


def test_offline_run_keeps_the_other_entries_of_init_cfg(monkeypatch):
    monkeypatch.setattr(pretrained, "load_url", unreachable)
    model = osnet("https://example.org/osnet.pth")
    model.init_cfg = [{"type": "Constant", "layer": "Linear", "val": 2.0}, model.init_cfg]
    model.init_weights()
    assert (model.fc[0].weight == 2.0).all()


def test_a_server_that_does_not_answer_costs_the_timeout_only(monkeypatch):
    monkeypatch.setattr(pretrained, "DOWNLOAD_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        problem = fetch_checkpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth")
    assert "timed out" in problem
    assert time.monotonic() - start < 5
    assert socket.getdefaulttimeout() is None


def test_weights_are_downloaded_and_loaded(server, tmp_path, log):
    published = OSNet("x0_25").state_dict() | {"classifier.weight": torch.zeros(10, 512)}
    torch.save(published, tmp_path / "weights.pth")
    model = osnet(f"{server}/weights.pth")
    model.init_weights()
    for name, value in model.state_dict().items():
        assert torch.equal(value, published[name]), name
    assert not [r for r in log.records if r.levelname == "WARNING"]
    assert "unexpected key" not in log.text


def test_a_missing_file_on_the_server_is_a_warning(server, log):
    osnet(f"{server}/absent.pth").init_weights()
    assert "could not be fetched (HTTPError: HTTP Error 404" in log.text


def test_torchvision_weights_load_from_the_cache(cache, log):
    published = torchvision.models.resnet18(weights=None).state_dict()
    cache.mkdir(parents=True)
    torch.save(published, cache / get_torchvision_models()["resnet18"].rpartition("/")[2])
    model = ReIDResNet(18, init_cfg={"type": "Pretrained", "checkpoint": "torchvision://resnet18"})
    model.init_weights()
    assert torch.equal(model.layer4[0].conv1.weight, published["layer4.0.conv1.weight"])
    assert "unexpected key" not in log.text


def mmpose_resnet(checkpoint):
    torch.manual_seed(0)
    return ResNet(18, init_cfg={"type": "Pretrained", "checkpoint": checkpoint})


class Detector(pretrained.PretrainedMixin, BaseModule):
    """A model with this mixin around a backbone without it."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.head = OSNet("x0_25")


def test_offline_run_warns_about_the_backbone_inside(monkeypatch, log):
    monkeypatch.setattr(pretrained, "load_url", unreachable)
    model = Detector(mmpose_resnet("torchvision://resnet18"))
    before = model.backbone.conv1.weight.clone()
    model.init_weights()
    assert model.backbone.is_init
    assert torch.equal(model.backbone.conv1.weight, before)
    (warning,) = [r.getMessage() for r in log.records if r.levelname == "WARNING"]
    assert warning.startswith("pretrained weights torchvision://resnet18 could not be fetched")


def test_weights_of_the_backbone_inside_stay_as_published(cache):
    # mmpose's backbones zero the last batch norm of every block unless weights were loaded.
    published = torchvision.models.resnet18(weights=None).state_dict()
    published["layer1.0.bn2.weight"].fill_(3.0)
    cache.mkdir(parents=True)
    torch.save(published, cache / get_torchvision_models()["resnet18"].rpartition("/")[2])
    model = Detector(mmpose_resnet("torchvision://resnet18"))
    model.init_weights()
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, published[name]), name


def test_only_the_module_itself_fetches_where_both_could(monkeypatch):
    fetched = []
    monkeypatch.setattr(pretrained, "fetch_checkpoint", lambda c: fetched.append(c) or "no network")
    Detector(osnet("https://example.org/osnet.pth")).init_weights()
    assert fetched == ["https://example.org/osnet.pth"]


def test_a_wrong_local_path_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"absent\.pth' is not a file; correct the path"):
        osnet(str(tmp_path / "absent.pth")).init_weights()


def test_an_unknown_torchvision_name_is_an_error():
    with pytest.raises(CheckpointError, match="no weights named 'resnet5'; did you mean: resnet50"):
        osnet("torchvision://resnet5").init_weights()
