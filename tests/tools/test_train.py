"""tools/train.py and tools/test.py: what they write, how they resume, what they refuse."""

from __future__ import annotations

import importlib.util
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from footmm.apis.config import load_config
from footmm.datasets import SyntheticReIDDataset
from footmm.models.reid.heads import AppearanceHead
from footmm.testing import run_forks, run_ranks, shrink_config

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs/reid/osnet_synthetic.py"

pytestmark = pytest.mark.usefixtures("unformatted_configs")


def load_tool(name: str):
    spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / f"tools/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def train_tool():
    return load_tool("train")


@pytest.fixture(scope="module")
def test_tool():
    return load_tool("test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="module")
def tiny_config(folder) -> Path:
    path = folder / "tiny.py"
    shrink_config(load_config(CONFIG), folder, epochs=2).dump(path)
    return path


@pytest.fixture(scope="module")
def trained(train_tool, tiny_config, folder) -> Path:
    """The work dir of a finished run of two epochs."""
    work_dir = folder / "trained"
    train_tool.main([str(tiny_config), "--work-dir", str(work_dir), "--device", "cpu"])
    return work_dir


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=False)["state_dict"]


def assert_same_weights(first: Path, second: Path) -> None:
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=1e-6, msg=name)


def run_script(*args: str | Path, python: str = sys.executable) -> subprocess.CompletedProcess:
    settings = {"OMP_NUM_THREADS": "1", "PYTHON": python, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [str(arg) for arg in args],
        text=True,
        capture_output=True,
        cwd=ROOT,
        env=os.environ | settings,
    )


def fails(tool, capsys, *args: str | Path) -> str:
    """Run a tool that must end with exit code 2, and return what it said."""
    with pytest.raises(SystemExit) as leaving:
        tool.main([str(arg) for arg in args])
    assert leaving.value.code == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_training_writes_checkpoints_log_and_picture(trained):
    assert (trained / "epoch_1.pth").is_file()
    assert (trained / "epoch_2.pth").is_file()
    assert (trained / "tiny.py").is_file()
    assert list(trained.glob("*/*.log"))
    assert list(trained.rglob("ranking*.png"))
    meta = torch.load(trained / "epoch_2.pth", weights_only=False)["meta"]
    assert meta["dataset_meta"]["synthetic"] is True


def test_same_seed_same_weights(train_tool, tiny_config, trained, tmp_path):
    train_tool.main([str(tiny_config), "--work-dir", str(tmp_path), "--no-validate"])
    assert_same_weights(trained / "epoch_2.pth", tmp_path / "epoch_2.pth")


def test_resume_from_a_named_checkpoint(train_tool, tiny_config, trained, tmp_path):
    options = ["--no-validate", "--work-dir", str(tmp_path)]
    train_tool.main([str(tiny_config), "--resume", str(trained / "epoch_1.pth"), *options])
    assert not (tmp_path / "epoch_1.pth").exists()
    assert_same_weights(trained / "epoch_2.pth", tmp_path / "epoch_2.pth")


def test_interrupt_writes_a_checkpoint_and_resume_takes_it(
    train_tool, tiny_config, tmp_path, capsys, monkeypatch
):
    loss = AppearanceHead.loss
    calls = []

    def interrupted_loss(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return loss(self, *args, **kwargs)

    options = [str(tiny_config), "--no-validate", "--work-dir", str(tmp_path)]
    monkeypatch.setattr(AppearanceHead, "loss", interrupted_loss)
    with pytest.raises(SystemExit) as leaving:
        train_tool.main(options)
    assert leaving.value.code == 130
    assert (tmp_path / "interrupted_in_epoch_1.pth").is_file()
    log = next(tmp_path.glob("*/*.log")).read_text()
    assert "interrupted_in_epoch_1.pth; continue with --resume" in log

    train_tool.main([*options, "--resume"])
    assert (tmp_path / "epoch_2.pth").is_file()


def test_interrupt_before_training_begins_leaves_nothing(
    train_tool, tiny_config, tmp_path, monkeypatch
):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(SyntheticReIDDataset, "load_data_list", interrupted)
    with pytest.raises(SystemExit) as leaving:
        train_tool.main([str(tiny_config), "--work-dir", str(tmp_path)])
    assert leaving.value.code == 130
    assert not list(tmp_path.glob("*.pth"))


def test_test_tool_repeats_the_validation_and_writes_results_and_pictures(
    test_tool, tiny_config, trained, tmp_path
):
    out, pictures = tmp_path / "results.pkl", tmp_path / "pictures"
    arguments = [str(tiny_config), str(trained / "epoch_2.pth"), "--work-dir", str(tmp_path)]
    test_tool.main([*arguments, "--out", str(out), "--show-dir", str(pictures)])
    with out.open("rb") as file:
        results = pickle.load(file)
    assert {"query", "gallery"} == {sample["role"] for sample in results}
    assert results[0]["pred_feature"].shape == (256,)
    assert list(pictures.glob("*.png"))

    assert last_map(tmp_path) == last_map(trained)


def test_test_time_augmentation(test_tool, tiny_config, trained, tmp_path):
    arguments = [str(tiny_config), str(trained / "epoch_2.pth"), "--work-dir", str(tmp_path)]
    test_tool.main([*arguments, "--tta"])
    assert 0 < float(last_map(tmp_path)) <= 1


def test_two_cpu_processes_equal_one_on_the_same_total_batch(
    train_tool, test_tool, tiny_config, folder, tmp_path
):
    config = Config.fromfile(tiny_config)
    # What two processes do not share is taken out: random augmentation, and losses that see the
    # embedding through the statistics of a batch.
    config.custom_hooks = [{"type": "FreezeBackboneHook"}]
    pipeline = config.train_dataloader.dataset.pipeline
    config.train_dataloader.dataset.pipeline = [
        transform for transform in pipeline if transform.type != "Albumentation"
    ]
    config.model.appearance_head.loss_softmax.loss_weight = 0.0
    config.model.jersey_head = config.model.body_shape_head = None
    one = tmp_path / "one.py"
    config.dump(one)
    config.train_dataloader.batch_size //= 2
    config.train_dataloader.sampler.identities_per_batch //= 2
    two = tmp_path / "two.py"
    config.dump(two)
    options = ["--device", "cpu", "--work-dir"]

    train_tool.main([str(one), *options, str(tmp_path / "one")])
    trained = run_script(ROOT / "tools/dist_train.sh", two, 2, *options, tmp_path / "two")
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert (tmp_path / "two/pictures/ranking_epoch_2.png").is_file()
    name = "neck.reduction.weight"
    one_weights, two_weights = (weights(tmp_path / run / "epoch_2.pth") for run in ("one", "two"))
    torch.testing.assert_close(two_weights[name], one_weights[name], rtol=0, atol=1e-4)
    one_map, two_map = last_map(tmp_path / "one"), last_map(tmp_path / "two")
    assert float(two_map) == pytest.approx(float(one_map), abs=0.03)

    checkpoint = tmp_path / "two/epoch_2.pth"
    arguments = [two, checkpoint, "--launcher", "pytorch", *options, tmp_path / "test"]
    log = tmp_path / "log"
    ends = run_ranks(log, 2, lambda rank: test_tool.main([str(part) for part in arguments]))
    assert ends == [0, 0], log.read_text()[-3000:]
    assert last_map(tmp_path / "test") == two_map


def test_dist_test_script_starts_the_test_tool_in_processes():
    script = ROOT / "tools/dist_test.sh"
    printed = run_script(script, "my.py", "my.pth", 2, "--out", "x.pkl", python="echo").stdout
    assert printed.startswith("-m torch.distributed.run --nnodes=1 --node_rank=0 ")
    tool = script.with_name("test.py")
    wanted = f"--nproc_per_node=2 {tool} my.py my.pth --launcher pytorch --out x.pkl\n"
    assert printed.endswith(wanted)


@pytest.mark.slow
def test_two_cpu_processes_train_tactics_as_one_does(train_tool, tmp_path):
    """Windows have unlike numbers of labels, so means over a process's own would differ."""
    small = dict(num_frames=31, num_observed=21, frame_step=5, embed_dims=8, num_layers=1)
    path = ROOT / "configs/tactics/gat_bilstm_synthetic.py"
    config = shrink_config(load_config(path, small | dict(num_heads=2)), tmp_path, epochs=2)
    for head in ("formation_head", "role_head", "strategy_head"):
        config.model[head].dropout = 0.0
    # Each step sees all windows, whoever draws them, and always the same players of them.
    windows = dict(num_samples=8, match_duration_s=10.0, cached_blocks=2)
    pipeline = [dict(type="TacticsHidePlayers", most=22, seed=0), *config.test_pipeline]
    config.train_dataloader.dataset.update(windows, pipeline=pipeline)
    config.val_dataloader.dataset.update(num_samples=5, match_duration_s=10.0)
    config.optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1))
    files = {}
    for name, batch_size in (("one", 8), ("two", 4)):
        config.train_dataloader.batch_size = batch_size
        files[name] = tmp_path / f"{name}.py"
        config.dump(files[name])
    options = ["--device", "cpu", "--work-dir"]

    train_tool.main([str(files["one"]), *options, str(tmp_path / "one")])
    arguments = (files["two"], 2, *options, tmp_path / "two")
    trained = run_script(ROOT / "tools/dist_train.sh", *arguments)
    assert trained.returncode == 0, trained.stderr[-3000:]
    first, second = (weights(tmp_path / run / "epoch_2.pth") for run in ("one", "two"))
    before = weights(tmp_path / "one/epoch_1.pth")
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-5, msg=name)
    for head in ("formation_head", "role_head", "strategy_head", "next_position_head"):
        name = next(name for name in first if name.startswith(head))
        assert (first[name] - before[name]).abs().max() > 5e-4, name
    scores = [
        re.findall(r"(tactics\w*/\w+): +([\d.]+|nan)", next(run.glob("*/*.log")).read_text())
        for run in (tmp_path / "one", tmp_path / "two")
    ]
    assert len(scores[0]) > 20
    assert scores[0] == scores[1]


def last_map(work_dir: Path) -> str:
    """The mAP that a run logged last."""
    return re.findall(r"reid/mAP: ([\d.]+)", next(work_dir.glob("*/*.log")).read_text())[-1]


def test_missing_config(train_tool, capsys):
    error = fails(train_tool, capsys, ROOT / "configs/reid/osnet_syntetic.py")
    assert "did you mean" in error
    assert "osnet_synthetic.py" in error


def test_unknown_type_names_the_nearest(train_tool, tiny_config, tmp_path, capsys):
    options = ["--cfg-options", "model.backbone.type=OSNett"]
    error = fails(train_tool, capsys, tiny_config, "--work-dir", tmp_path, *options)
    assert "type='OSNett' is not a registered model; did you mean 'OSNet'" in error


def test_unknown_argument_names_the_nearest(train_tool, tiny_config, tmp_path, capsys):
    options = ["--cfg-options", "+model.backbone.feature_dims=64"]
    error = fails(train_tool, capsys, tiny_config, "--work-dir", tmp_path, *options)
    assert (
        "config of 'OSNet': it has no argument 'feature_dims'; did you mean 'feature_dim'" in error
    )


def test_value_that_a_part_refuses_names_the_part(train_tool, tiny_config, tmp_path, capsys):
    options = ["--work-dir", tmp_path, "--cfg-options", "+param_scheduler.0.end=0"]
    error = fails(train_tool, capsys, tiny_config, *options)
    assert "config of 'ConstantLR': end should be larger than begin" in error


def test_override_of_a_missing_key(train_tool, tiny_config, capsys):
    error = fails(train_tool, capsys, tiny_config, "--cfg-options", "model.backbon.arch=x1_0")
    assert "has no key 'model.backbon'; did you mean 'backbone'?" in error


def test_work_dir_that_cannot_be_written(train_tool, tiny_config, tmp_path, capsys):
    (tmp_path / "file").touch()
    error = fails(train_tool, capsys, tiny_config, "--work-dir", tmp_path / "file/work")
    assert "cannot be written" in error


@pytest.mark.parametrize("flag", ["--resume", None])
def test_missing_checkpoint(train_tool, test_tool, tiny_config, trained, tmp_path, capsys, flag):
    missing = trained / "epoch_9.pth"
    options = ["--work-dir", tmp_path]
    if flag:
        error = fails(train_tool, capsys, tiny_config, flag, missing, *options)
    else:
        error = fails(test_tool, capsys, tiny_config, missing, *options)
    assert "epoch_9.pth" in error
    assert "exist" in error


def test_corrupt_checkpoint(test_tool, tiny_config, trained, tmp_path, capsys):
    corrupt = tmp_path / "cut.pth"
    corrupt.write_bytes((trained / "epoch_2.pth").read_bytes()[:5000])
    error = fails(test_tool, capsys, tiny_config, corrupt, "--work-dir", tmp_path)
    assert "cut.pth" in error


def test_checkpoint_of_another_model(test_tool, tiny_config, trained, tmp_path, capsys):
    options = ["--cfg-options", "model.backbone.arch=x0_5", "--work-dir", tmp_path]
    error = fails(test_tool, capsys, tiny_config, trained / "epoch_2.pth", *options)
    assert "epoch_2.pth" in error
    assert "backbone.conv1.conv.weight" in error


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_checkpoint_that_carries_code_is_refused(test_tool, tiny_config, tmp_path, capsys):
    evil, proof = tmp_path / "evil.pth", tmp_path / "executed"
    torch.save({"state_dict": {}, "meta": Malicious(proof)}, evil)
    error = fails(test_tool, capsys, tiny_config, evil, "--work-dir", tmp_path)
    assert "evil.pth" in error
    assert "system" in error
    assert not proof.exists()


def test_non_finite_loss_stops_and_keeps_the_last_good_checkpoint(
    train_tool, tiny_config, tmp_path, capsys
):
    options = ["--work-dir", tmp_path, "--no-validate", "--cfg-options"]
    options += ["optim_wrapper.optimizer.lr=1e30"]
    error = fails(train_tool, capsys, tiny_config, *options)
    assert "loss" in error
    assert ".png" in error
    checkpoints = list(tmp_path.glob("epoch_*.pth"))
    for checkpoint in checkpoints:
        assert all(torch.isfinite(w.float()).all() for w in weights(checkpoint).values())


def test_death_of_a_data_loading_worker_is_explained(
    train_tool, tiny_config, tmp_path, monkeypatch
):
    (tmp_path / "killing_transform.py").write_text(
        "import os\n"
        "from footmm.registry import TRANSFORMS\n"
        "@TRANSFORMS.register_module()\n"
        "class KillWorker:\n"
        "    def __call__(self, results):\n"
        "        os._exit(9)\n"
    )
    config = Config.fromfile(tiny_config)
    config.custom_imports = dict(imports=["killing_transform"])
    config.train_dataloader.num_workers = 1
    config.train_dataloader.dataset.pipeline = [dict(type="KillWorker")]
    config.dump(tmp_path / "killing.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    log = tmp_path / "log"
    # In a process of its own: PyTorch ends the one whose worker died.
    assert run_forks(log, lambda: train_tool.main(["killing.py", "--work-dir", "w"])) == [2]
    assert "error: DataLoader worker (pid" in log.read_text()
    assert "lower num_workers" in log.read_text()


def test_unreadable_image_at_test_time_is_named(
    test_tool, tiny_config, trained, folder, tmp_path, capsys
):
    image = sorted((folder / "synthetic").rglob("test/query/**/*.png"))[0]
    content = image.read_bytes()
    image.write_bytes(b"")
    try:
        arguments = [tiny_config, trained / "epoch_2.pth", "--work-dir", tmp_path]
        error = fails(test_tool, capsys, *arguments)
    finally:
        image.write_bytes(content)
    assert image.name in error


def test_accumulated_batches_count_when_the_learning_rate_is_scaled(train_tool):
    config = ROOT / "configs" / "detection" / "detr_r50.py"
    scaled = train_tool.configure(train_tool.parse_args([str(config), "--auto-scale-lr"]))
    assert scaled.auto_scale_lr.base_batch_size == scaled.train_dataloader.batch_size
