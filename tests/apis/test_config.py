from __future__ import annotations

import pytest

from footmm.apis.config import load_config
from footmm.errors import ConfigError

BASE = """
max_epochs = 10
learning_rate = 0.5
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=learning_rate), clip_grad=None)
custom_hooks = [dict(type='EMAHook', momentum=0.1)]
"""
CHILD = """
_base_ = ['bases/base.py']
data_root = 'a' + 'b'
train_dataloader = dict(dataset=dict(data_root=data_root), batch_size=4)
"""


@pytest.fixture
def config_file(tmp_path):
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/base.py").write_text(BASE)
    path = tmp_path / "child.py"
    path.write_text(CHILD)
    return path


def test_inherits_and_keeps_its_file_name(config_file):
    config = load_config(config_file)
    assert config.train_cfg.max_epochs == 10
    assert config.train_dataloader.dataset.data_root == "ab"
    assert config.filename == str(config_file)


def test_parameter_override_reaches_everything_derived_from_it(config_file):
    config = load_config(config_file, {"data_root": "é/data", "max_epochs": 3})
    assert config.data_root == config.train_dataloader.dataset.data_root == "é/data"
    assert config.max_epochs == config.train_cfg.max_epochs == 3
    assert config.filename == str(config_file)


def test_parameter_override_reaches_a_base_named_by_its_absolute_path(config_file):
    config_file.write_text(
        CHILD.replace("bases/base.py", str(config_file.parent / "bases/base.py"))
    )
    assert load_config(config_file, {"max_epochs": 3}).train_cfg.max_epochs == 3


def test_parameter_override_reaches_a_base_behind_a_link(config_file, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "bases").symlink_to(tmp_path / "bases")
    path = elsewhere / "child.py"
    path.write_text(CHILD)
    assert load_config(path, {"max_epochs": 3}).train_cfg.max_epochs == 3


def test_parameter_override_leaves_the_files_alone(config_file):
    load_config(config_file, {"data_root": "elsewhere"})
    assert config_file.read_text() == CHILD


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("optim_wrapper.optimizer.lr", 0.1, lambda c: c.optim_wrapper.optimizer.lr),
        ("custom_hooks.0.momentum", 0.2, lambda c: c.custom_hooks[0].momentum),
        ("optim_wrapper.clip_grad.max_norm", 1, lambda c: c.optim_wrapper.clip_grad.max_norm),
        ("+optim_wrapper.accumulative_counts", 4, lambda c: c.optim_wrapper.accumulative_counts),
        ("+load_from", "x.pth", lambda c: c.load_from),
    ],
)
def test_dotted_override(config_file, name, value, read):
    assert read(load_config(config_file, {name: value})) == value


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("optim_wrapper.optimzer.lr", "'optimizer'"),
        ("optim_wrapper.optimizer.lrr", "'lr'"),
        ("train_dataloaders.batch_size", "'train_dataloader'"),
        ("custom_hooks.7.momentum", "custom_hooks.7"),
        ("num_workers", "not a parameter"),
        ("max_epochs.value", "no key"),
    ],
)
def test_override_of_a_missing_key_is_refused_with_a_hint(config_file, name, hint):
    with pytest.raises(ConfigError, match=r"has no key|not a parameter") as error:
        load_config(config_file, {name: 1})
    assert hint in str(error.value)
    assert str(config_file) in str(error.value)


def test_unknown_top_level_key_is_refused(config_file):
    config_file.write_text("optim_wraper = dict(type='OptimWrapper')\n")
    with pytest.raises(ConfigError, match=r"'optim_wraper'.*did you mean 'optim_wrapper'"):
        load_config(config_file)


def test_helper_variables_start_with_an_underscore(config_file):
    config_file.write_text("_width = 64\nwork_dir = f'w{_width}'\n")
    assert load_config(config_file).work_dir == "w64"


def test_missing_file_names_the_nearest(config_file):
    with pytest.raises(ConfigError, match=r"chidl\.py' does not exist; did you mean .*child\.py"):
        load_config(config_file.with_name("chidl.py"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = dict(", "not valid Python"),
        ("model = undefined_name", "cannot be read: NameError"),
        ("_base_ = 'nowhere.py'", "inherits from 'nowhere.py', which does not exist"),
    ],
)
def test_broken_file_is_named(config_file, text, message):
    config_file.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        load_config(config_file)
    assert "child.py" in str(error.value)
