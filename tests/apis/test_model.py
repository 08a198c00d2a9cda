from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import nn

from footmm.apis.model import init_model
from footmm.errors import CheckpointError, ConfigError
from footmm.registry import MODELS


@MODELS.register_module()
class ModelApiTestModel(BaseModel):
    """A linear layer and a batch norm."""

    def __init__(self, width=3, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.linear = nn.Linear(width, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        return self.norm(self.linear(inputs))


def config(**model):
    return Config(dict(model=dict(type="ModelApiTestModel", **model), default_scope="footmm"))


@pytest.fixture
def checkpoint(tmp_path):
    model = ModelApiTestModel()
    nn.init.constant_(model.linear.weight, 0.5)
    path = tmp_path / "model.pth"
    torch.save({"meta": {}, "state_dict": model.state_dict()}, path)
    return path


def test_weights_mode_and_config(checkpoint):
    given = config()
    model = init_model(given, checkpoint, "cpu")
    assert (model.linear.weight == 0.5).all()
    assert not model.training
    assert model.cfg is given


def test_config_file_and_bare_state_dict_of_a_wrapped_model(checkpoint, tmp_path):
    path = tmp_path / "config.py"
    config().dump(path)
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    del state["norm.num_batches_tracked"]
    bare = tmp_path / "bare.pth"
    torch.save({f"module.{name}": value for name, value in state.items()}, bare)
    model = init_model(str(path), bare, "cpu")
    assert (model.linear.weight == 0.5).all()
    assert model.cfg.filename == str(path)


def test_data_preprocessor_of_the_top_level(checkpoint):
    given = config()
    given.data_preprocessor = dict(type="ImgDataPreprocessor", mean=[1, 1, 1], std=[1, 1, 1])
    assert type(init_model(given, checkpoint, "cpu").data_preprocessor).__name__ == (
        "ImgDataPreprocessor"
    )


def test_weights_of_another_model(checkpoint):
    with pytest.raises(CheckpointError, match=r"of another shape: linear.weight \(2, 3\)"):
        init_model(config(width=4), checkpoint, "cpu")


def test_missing_files(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match=r"gone\.pth' does not exist"):
        init_model(config(), tmp_path / "gone.pth", "cpu")
    with pytest.raises(ConfigError, match=r"gone\.py' does not exist"):
        init_model(tmp_path / "gone.py", checkpoint, "cpu")


def test_unknown_argument_and_device(checkpoint):
    with pytest.raises(ConfigError, match="no argument 'widht'; did you mean 'width'"):
        init_model(config(widht=4), checkpoint, "cpu")
    with pytest.raises(ConfigError, match="'tpu' is not supported"):
        init_model(config(), checkpoint, "tpu")


def test_importing_the_package_is_cheap():
    code = "import footmm.apis, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_name_of_the_package():
    import footmm.apis

    with pytest.raises(AttributeError, match="no attribute 'init_modle'"):
        footmm.apis.init_modle  # noqa: B018
