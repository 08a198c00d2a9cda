"""Checkpoints: what is loaded, what is refused and with which words, and atomic writing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import suppress

import mmengine.fileio.backends as fileio_backends
import mmengine.runner.checkpoint as mmengine_checkpoint
import numpy as np
import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import Runner, save_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from footmm.compat import checkpoints
from footmm.compat.checkpoints import (
    AtomicLocalBackend,
    check_checkpoint_fits,
    find_resume_checkpoint,
    install_atomic_checkpoint_saving,
    install_safe_checkpoint_loading,
    load_checkpoint_file,
    remove_partial_files,
)
from footmm.errors import CheckpointError


class RunsCommand:
    """Pickles into a call of ``os.system``."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class TinyModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, inputs, mode):
        return {"loss": self.linear(torch.stack(inputs)).square().mean()}


@pytest.fixture
def installed():
    """Both installations, undone afterwards."""
    schemes, load_url = CheckpointLoader._schemes.copy(), mmengine_checkpoint.load_url
    install_safe_checkpoint_loading()
    install_atomic_checkpoint_saving()
    yield
    CheckpointLoader._schemes = schemes
    mmengine_checkpoint.load_url = load_url
    fileio_backends.register_backend("local", LocalBackend, force=True, prefixes="")


class Break(Hook):
    """Ends a run at the start of its third epoch, as a kill does."""

    def before_train_epoch(self, runner):
        if runner.epoch == 2:
            raise InterruptedError


ONE_CYCLE = {"type": "OneCycleLR", "eta_max": 0.1, "total_steps": 8, "by_epoch": False}
SCHEDULES = [
    {"type": "StepLR", "step_size": 1, "gamma": 0.5},
    ONE_CYCLE,
    ONE_CYCLE | {"anneal_strategy": "linear"},
]


def tiny_runner(work_dir, name, schedule, resume=False, hooks=()):
    torch.manual_seed(0)
    data = [{"inputs": torch.tensor([i, 1.0])} for i in range(4)]
    return Runner(
        model=TinyModel(),
        work_dir=str(work_dir),
        train_dataloader={
            "batch_size": 2,
            "dataset": data,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
        },
        train_cfg={"by_epoch": True, "max_epochs": 4},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9}},
        param_scheduler=schedule,
        default_hooks={"checkpoint": {"type": "CheckpointHook", "interval": 1}},
        custom_hooks=list(hooks),
        resume=resume,
        log_level="ERROR",
        experiment_name=name,
    )


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(installed, tmp_path, schedule):
    with pytest.raises(InterruptedError):
        tiny_runner(tmp_path / "a", "broken", schedule, hooks=[Break()]).train()
    resumed = tiny_runner(tmp_path / "a", "resumed", schedule, resume=True)
    unbroken = tiny_runner(tmp_path / "b", "unbroken", schedule)
    ends = []
    for runner in (resumed, unbroken):
        runner.train()
        losses, _ = runner.message_hub.get_scalar("train/loss").data
        optimizer = runner.optim_wrapper.optimizer.state_dict()
        ends.append(
            (runner.epoch, runner.iter, losses.tolist(), runner.model.state_dict(), optimizer)
        )
    assert ends[0][:3] == ends[1][:3]
    assert ends[0][:2] == (4, 8)
    torch.testing.assert_close(ends[0][3:], ends[1][3:], rtol=0, atol=0)


def test_installing_twice_changes_nothing(installed):
    schemes, load_url = dict(CheckpointLoader._schemes), mmengine_checkpoint.load_url
    install_safe_checkpoint_loading()
    install_atomic_checkpoint_saving()
    assert dict(CheckpointLoader._schemes) == schemes
    assert mmengine_checkpoint.load_url is load_url


def test_everything_mmengine_puts_into_a_checkpoint_loads(tmp_path):
    arrays = [np.ones(3, dtype=t) for t in (bool, np.uint8, np.int64, np.float16, np.float64)]
    content = {
        "scalars": HistoryBuffer([1.0, 2.0], [1, 1]),
        "arrays": [*arrays, np.array(["left", "right"])],
        "numbers": (np.float64(0.5), np.float32(1.5), np.int64(3), np.bool_(True)),
    }
    torch.save(content, tmp_path / "x.pth")
    loaded = load_checkpoint_file(tmp_path / "x.pth")
    assert loaded["scalars"].statistics("mean") == 1.5
    assert "HistoryBuffer.mean" in str(loaded["scalars"]._statistics_methods["mean"])
    assert all(map(np.array_equal, loaded["arrays"], content["arrays"]))
    assert loaded["numbers"] == content["numbers"]


def test_files_written_with_the_other_numpy_load(tmp_path):
    path = tmp_path / "x.pth"
    content = {"array": np.arange(3), "number": np.float64(2)}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    names = [b"numpy.core.multiarray", b"numpy._core.multiarray"]  # NumPy 1, NumPy 2
    written, other = names if names[0] in path.read_bytes() else names[::-1]
    assert path.read_bytes().count(written) == 2
    path.write_bytes(path.read_bytes().replace(written, other))
    loaded = load_checkpoint_file(path)
    assert loaded["array"].tolist() == [0, 1, 2]
    assert loaded["number"] == 2


class ReadsAttribute:
    """Pickles into ``getattr(owner, '__init__')``, a first step out of the allow-list."""

    def __init__(self, owner):
        self.owner = owner

    def __reduce__(self):
        return getattr, (self.owner, "__init__")


@pytest.mark.parametrize("owner", [HistoryBuffer, OneCycleParamScheduler, torch.Size, []])
def test_getattr_reaches_nothing_but_what_mmengine_pickles(tmp_path, owner):
    torch.save({"x": ReadsAttribute(owner)}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="built-in function getattr"):
        load_checkpoint_file(tmp_path / "x.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_refused_and_not_run(installed, tmp_path, zipped):
    touched, path = tmp_path / "touched", tmp_path / "evil.pth"
    content = {"state_dict": RunsCommand(f"touch {touched}")}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    for load in (load_checkpoint_file, CheckpointLoader.load_checkpoint):
        with pytest.raises(CheckpointError, match=r"a call of '\w+\.system'.*NOT executed"):
            load(str(path))
    assert not touched.exists()
    torch.load(path, weights_only=False)
    assert touched.exists()  # the attack is real


def test_code_from_the_network_is_refused_and_not_run(installed, tmp_path):
    touched, path = tmp_path / "touched", tmp_path / "evil.pth"
    torch.save({"state_dict": RunsCommand(f"touch {touched}")}, path)
    with pytest.raises(CheckpointError, match="NOT executed"):
        mmengine_checkpoint.load_url(path.as_uri(), model_dir=str(tmp_path / "cache"))
    assert not touched.exists()


def test_an_unreachable_network_is_not_blamed_on_the_file(installed, tmp_path):
    with pytest.raises(OSError, match="No such file"):
        mmengine_checkpoint.load_url((tmp_path / "none.pth").as_uri(), model_dir=str(tmp_path))


def test_a_harmless_object_is_named_as_well(tmp_path):
    torch.save({"args": Namespace(lr=1)}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"'argparse\.Namespace'"):
        load_checkpoint_file(tmp_path / "x.pth")


def damaged_files():
    whole = {"state_dict": {"weight": torch.rand(500)}}
    return {
        "cut in half": lambda data: data[: len(data) // 2],
        "empty": lambda data: b"",
        "text": lambda data: b"Not Found\n",
        "a flipped byte": lambda data: data[:1500] + bytes([data[1500] ^ 255]) + data[1501:],
    }, whole


@pytest.mark.parametrize("damage", damaged_files()[0])
def test_a_damaged_file_is_said_to_be_damaged(tmp_path, damage):
    changes, content = damaged_files()
    path = tmp_path / "epoch_1.pth"
    torch.save(content, path)
    path.write_bytes(changes[damage](path.read_bytes()))
    with pytest.raises(CheckpointError, match=r"epoch_1\.pth' is truncated, damaged"):
        load_checkpoint_file(path)


def test_something_else_than_a_dict_is_no_checkpoint(tmp_path):
    torch.save([1, 2], tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="holds a list, not a dict"):
        load_checkpoint_file(tmp_path / "x.pth")


def test_a_missing_file_is_answered_with_the_nearest(installed, tmp_path):
    for name in ("epoch_10.pth", "best_reid_mAP.pth"):
        (tmp_path / name).touch()
    for load in (load_checkpoint_file, CheckpointLoader.load_checkpoint):
        with pytest.raises(CheckpointError, match=r"epoch_11\.pth' does not exist.*epoch_10\.pth"):
            load(str(tmp_path / "epoch_11.pth"))
    with pytest.raises(CheckpointError, match=r"is a folder; nearest"):
        load_checkpoint_file(tmp_path)
    with pytest.raises(CheckpointError, match="neither does its folder"):
        load_checkpoint_file(tmp_path / "none" / "x.pth")


def test_a_checkpoint_of_the_model_fits():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = model.state_dict()
    wrapped = {f"module.{name}": value for name, value in state.items()}
    ema = {"steps": torch.tensor(1), **wrapped}
    old = {name: value for name, value in state.items() if "num_batches" not in name}
    for checkpoint in (state, {"state_dict": state, "ema_state_dict": ema}, wrapped, old):
        check_checkpoint_fits(checkpoint, model, "x.pth")


def test_a_checkpoint_of_another_model_is_refused_with_the_names():
    model = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Linear(2, 2)})
    other = nn.ModuleDict({"a": nn.Linear(4, 3), "c": nn.Linear(2, 2)})
    checkpoint = {"state_dict": other.state_dict(), "meta": {"experiment_name": "osnet_7"}}
    with pytest.raises(CheckpointError) as raised:
        check_checkpoint_fits(checkpoint, model, "x.pth")
    message = str(raised.value)
    assert "'x.pth' (of experiment osnet_7)" in message
    assert "2 missing: b.weight, b.bias" in message
    assert "2 unexpected: c.weight, c.bias" in message
    assert "1 of another shape: a.weight (3, 4), model (3, 2)" in message
    many = nn.Sequential(*(nn.Linear(1, 1) for _ in range(6)))
    with pytest.raises(CheckpointError, match=r"12 missing: .*, and 7 more"):
        check_checkpoint_fits({}, many, "x.pth")


def test_finding_the_checkpoint_to_resume(tmp_path):
    assert find_resume_checkpoint(tmp_path) is None
    note, saved = tmp_path / "last_checkpoint", tmp_path / "epoch_2.pth"
    saved.touch()
    note.write_text(str(saved))
    assert find_resume_checkpoint(tmp_path) == saved
    note.write_text("/moved/away/epoch_2.pth")
    assert find_resume_checkpoint(tmp_path) == saved
    note.write_text("/moved/away/epoch_3.pth")
    with pytest.raises(CheckpointError, match=r"epoch_3\.pth', which does not exist.*epoch_2\.pth"):
        find_resume_checkpoint(tmp_path)


def test_a_note_cut_off_by_a_kill_is_replaced_by_the_newest_checkpoint(tmp_path, monkeypatch):
    (tmp_path / "last_checkpoint").touch()
    for age, name in ((30, "best_reid_mAP_epoch_3.pth"), (20, "epoch_10.pth"), (10, "epoch_9.pth")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    told = []
    monkeypatch.setattr(checkpoints, "print_log", lambda message, **kwargs: told.append(message))
    assert find_resume_checkpoint(tmp_path) == tmp_path / "epoch_10.pth"
    assert "last_checkpoint' is empty" in told[0]


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    backend, path = AtomicLocalBackend(), tmp_path / "new" / "x.pth"
    backend.put(b"old", path)
    backend.put_text("text", path.with_suffix(".txt"))
    with pytest.raises(TypeError):
        backend.put("not bytes", path)
    assert path.read_bytes() == b"old"
    assert sorted(file.name for file in path.parent.iterdir()) == ["x.pth", "x.txt"]
    assert path.with_suffix(".txt").read_text() == "text"


def test_partial_files_of_the_dead_are_removed_and_of_the_living_kept(tmp_path):
    dead = tmp_path / "pictures" / ".a.png.999999999.tmp"  # no process has such a number
    earlier_start = tmp_path / f".epoch_1.pth.{os.getpid()}.tmp"
    living = tmp_path / f".epoch_1.pth.{os.getppid()}.tmp"
    of_others = tmp_path / ".notes.tmp"
    dead.parent.mkdir()
    for path in (dead, earlier_start, living, of_others):
        path.touch()
    remove_partial_files(tmp_path)
    assert [path.exists() for path in (dead, earlier_start, living, of_others)] == [0, 0, 1, 1]


def test_mmengine_saves_through_the_atomic_backend(installed, tmp_path, monkeypatch):
    replaced = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (replaced.append(b), replace(a, b)))
    save_checkpoint({"state_dict": {}}, str(tmp_path / "epoch_1.pth"))
    assert replaced == [tmp_path / "epoch_1.pth"]


KILLED_WRITER = """
import sys
from footmm.compat.checkpoints import AtomicLocalBackend
backend, path = AtomicLocalBackend(), sys.argv[1]
content = b"x" * 50_000_000
while True:
    backend.put(content, path)
    print("written", flush=True)
"""


def is_partly_written(path):
    for temporary in path.parent.glob(f".{path.name}*"):
        with suppress(FileNotFoundError):  # renamed between the two calls
            if 0 < temporary.stat().st_size < 50_000_000:
                return True
    return False


def test_a_kill_in_the_middle_of_a_write_leaves_a_whole_file(tmp_path):
    path = tmp_path / "epoch_1.pth"
    command = [sys.executable, "-c", KILLED_WRITER, str(path)]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout.readline() == b"written\n"
        deadline = time.monotonic() + 10
        while not is_partly_written(path):
            assert time.monotonic() < deadline
        writer.send_signal(signal.SIGKILL)
    assert path.stat().st_size == 50_000_000
