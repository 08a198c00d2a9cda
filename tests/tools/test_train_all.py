"""tools/train_all.sh: order, what is skipped, what goes on, what a failure and a stop leave."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from footmm.apis.config import load_config
from footmm.apis.downloads import DATASETS
from footmm.apis.train_all import RECIPES, Recipe, Settings, process, task_run, train_all
from footmm.apis.train_all.record import TrainingRecord, fingerprint, missing_data
from footmm.errors import ConfigError
from footmm.testing import shrink_config

ROOT = Path(__file__).parents[2]

#: What stands for tools/train.py, tools/test.py and tools/data/download.py; what each does is in
#: the config, and what it was called with goes to calls.txt.
FAKE_TOOL = """
import json, os, signal, sys, time
from pathlib import Path

tool, arguments = Path(__file__).stem, sys.argv[1:]
with open("calls.txt", "a") as calls:
    calls.write(" ".join([tool, *arguments]) + "\\n")
if tool == "download":
    if Path("offline").exists():
        sys.exit("error: no network")
    Path("data/reid").mkdir(parents=True, exist_ok=True)
    sys.exit()
config = Path(arguments[0]).read_text()
folder = Path(arguments[arguments.index("--work-dir") + 1])

def save(name):
    (folder / name).touch()
    (folder / "last_checkpoint").write_text(str(folder / name))

if tool == "test":
    metrics = {"accuracy": 0.5, "m/distance": 1.25, "m/nothing": None}
    content = dict(metrics=metrics, data="synthetic: drawn", trained_on="synthetic: drawn")
    if "real" in config:
        content["data"] = "real: filmed"
    Path(arguments[arguments.index("--metrics") + 1]).write_text(json.dumps(content))
elif "out_of_memory" in config:
    os.kill(os.getpid(), signal.SIGKILL)
elif "mistake" in config:
    print("first line")
    sys.exit("error: the mistake | is here")
elif "slow" in config and not (folder / "epoch_1.pth").exists():
    try:
        save("epoch_1.pth")
        time.sleep(600)
    except KeyboardInterrupt:
        save("interrupted.pth")
        sys.exit(130)
else:
    print("- mmengine - INFO - Epoch 2/2 done: 3 iterations, ETA 0:00:01")
    save("epoch_2.pth")
"""


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """A folder with tools that take no time, and the working directory."""
    (tmp_path / "tools/data").mkdir(parents=True)
    for name in ("train.py", "test.py", "data/download.py"):
        (tmp_path / "tools" / name).write_text(FAKE_TOOL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process, "POLL_SECONDS", 0.02)
    return tmp_path


@pytest.fixture
def recipes(clone) -> dict[str, Recipe]:
    """Three tasks, each of a config that says what the tools do with it."""
    names = {"reid": "quick", "tactics": "quick", "synloc": "quick"}
    metrics = {
        "reid": ("accuracy", ""),
        "tactics": ("m/distance", "m"),
        "synloc": ("m/nothing", ""),
    }
    for task, behaviour in names.items():
        write_config(task, behaviour)
    return {
        task: Recipe(f"{task}.py", f"{task}.py", f"{task}-data", *metrics[task]) for task in names
    }


def write_config(task: str, behaviour: str, more: str = "") -> None:
    Path(f"{task}.py").write_text(f"experiment_name = '{behaviour}'\n{more}\n")


def settings(**changed) -> Settings:
    variables = {"DEVICE": "cpu", "WORK_DIR": "work", "TASKS": "reid tactics synloc"} | changed
    return Settings.from_environment(variables)


def run(recipes, **changed) -> int:
    return train_all(settings(**changed), Path("."), recipes)


def calls() -> list[str]:
    """The tools that were called since the last time, each with its config."""
    path = Path("calls.txt")
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [" ".join(line.split()[:2]) for line in lines]


def results() -> dict[str, dict]:
    return {
        entry["task"]: entry for entry in json.loads(Path("work/results.json").read_text())["tasks"]
    }


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_trains_and_tests_in_the_given_order_and_writes_one_table(recipes, capsys):
    assert run(recipes, TASKS="tactics, reid synloc") == 0
    assert calls() == [
        f"{tool} {task}.py" for task in ("tactics", "reid", "synloc") for tool in ("train", "test")
    ]
    printed = capsys.readouterr().out
    assert "[2/3] reid: reid.py" in printed
    assert "\n  Epoch 2/2 done: 3 iterations, ETA 0:00:01\n" in printed
    assert "| tactics | synthetic: drawn | distance 1.250 m " in printed
    table = Path("work/results.md").read_text().splitlines()
    assert table[4:7] == [
        "| task | data | metric | time | checkpoint |",
        "| --- | --- | --- | --- | --- |",
        f"| tactics | synthetic: drawn | distance 1.250 m | {table[6].split(' | ')[3]} | "
        "work/tactics/epoch_2.pth |",
    ]
    assert results()["reid"]["metric"] == {"name": "accuracy", "value": 0.5}
    assert results()["reid"]["status"] == "finished"
    assert results()["synloc"]["metric"]["value"] is None
    assert "nothing to score" in table[8]


def test_tools_are_called_as_a_user_would(recipes):
    run(recipes, TASKS="reid")
    train, test = Path("calls.txt").read_text().splitlines()
    assert train == ("train reid.py --resume --auto-scale-lr --work-dir work/reid --device cpu")
    assert test == (
        "test reid.py work/reid/epoch_2.pth --metrics work/reid/metrics.json "
        "--work-dir work/reid --device cpu"
    )


def test_several_processes_go_through_the_launcher(recipes, clone):
    for tool, operands in (("train", '"$1" "${@:3}"'), ("test", '"$1" "$2" "${@:4}"')):
        script = f'echo "$0 $*" >> dist.txt\nexec "$PYTHON" tools/{tool}.py {operands}\n'
        (clone / f"tools/dist_{tool}.sh").write_text(script)
    assert run(recipes, TASKS="reid", GPUS="2") == 0
    assert Path("dist.txt").read_text().splitlines() == [
        "tools/dist_train.sh reid.py 2 --resume --auto-scale-lr --work-dir work/reid --device cpu",
        "tools/dist_test.sh reid.py work/reid/epoch_2.pth 2 --metrics work/reid/metrics.json "
        "--work-dir work/reid --device cpu",
    ]


def test_finished_tasks_are_skipped_until_their_config_changes(recipes, capsys):
    assert run(recipes, TASKS="reid") == 0
    calls()
    assert run(recipes, TASKS="reid tactics") == 0
    assert calls() == ["train tactics.py", "test tactics.py"]
    assert "finished earlier, skipped: accuracy 0.500, synthetic: drawn" in capsys.readouterr().out

    write_config("reid", "quick", "max_epochs = 3")
    assert run(recipes, TASKS="reid tactics") == 0
    assert calls() == ["train reid.py", "test reid.py"]
    assert Path("work/reid.1/epoch_2.pth").exists()
    assert "begins anew" in capsys.readouterr().out


def test_the_table_keeps_what_earlier_calls_have_left(recipes):
    run(recipes, TASKS="synloc")
    run(recipes, TASKS="reid")
    assert list(results()) == ["reid", "synloc"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("mistake", "train: the mistake | is here"),
        ("out_of_memory", "train: killed by SIGKILL, most often because memory is full"),
    ],
)
def test_a_failure_does_not_end_the_rest(recipes, capsys, behaviour, reason):
    write_config("reid", behaviour)
    assert run(recipes, TASKS="reid tactics") == 1
    assert calls() == ["train reid.py", "train tactics.py", "test tactics.py"]
    assert results()["reid"]["status"] == "failed"
    assert results()["reid"]["error"] == reason
    printed = capsys.readouterr().out
    assert f"FAILED: {reason}" in printed
    assert ("| first line" in printed) == (behaviour == "mistake")
    assert f"FAILED: {reason}".replace("|", "\\|") in Path("work/results.md").read_text()

    run(recipes, TASKS="tactics")
    assert results()["reid"]["error"] == reason

    write_config("reid", "quick")
    assert run(recipes, TASKS="reid tactics") == 0
    assert calls() == ["train reid.py", "test reid.py"]


def test_a_config_that_is_broken_is_a_failure_too(recipes):
    Path("reid.py").write_text("model = dict(\n")
    Path("tactics.py").unlink()
    assert run(recipes) == 1
    assert "reid.py' is not valid Python" in results()["reid"]["error"]
    assert "tactics.py' does not exist" in results()["tactics"]["error"]
    assert results()["synloc"]["status"] == "finished"


def test_a_failed_test_is_repeated_without_training(recipes, clone):
    (clone / "tools/test.py").write_text("import sys\nsys.exit('error: no disk')\n")
    assert run(recipes, TASKS="reid") == 1
    assert calls() == ["train reid.py"]
    assert results()["reid"]["error"] == "test: no disk"
    (clone / "tools/test.py").write_text(FAKE_TOOL)
    assert run(recipes, TASKS="reid") == 0
    assert calls() == ["test reid.py"]


def test_the_best_checkpoint_is_tested_where_there_is_one(recipes):
    Path("work/reid").mkdir(parents=True)
    train = Path("tools/train.py")
    train.write_text(train.read_text() + "\n(folder / 'best_accuracy_epoch_1.pth').touch()\n")
    assert run(recipes, TASKS="reid") == 0
    assert results()["reid"]["checkpoint"] == "work/reid/best_accuracy_epoch_1.pth"


def test_data_of_another_kind_than_the_training_is_told(recipes):
    write_config("reid", "real")
    run(recipes, TASKS="reid")
    row = Path("work/results.md").read_text().splitlines()[-1]
    assert "| real: filmed; trained on synthetic: drawn |" in row


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_a_checkpoint_and_the_table_and_the_next_call_goes_on(
    recipes, capsys, number, code
):
    write_config("tactics", "slow")

    def stop():
        wait_for(Path("work/tactics/epoch_1.pth"))
        time.sleep(0.3)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=stop)
    thread.start()
    assert run(recipes) == code
    thread.join()
    assert Path("work/tactics/interrupted.pth").exists()
    assert {task: entry["status"] for task, entry in results().items()} == {
        "reid": "finished",
        "tactics": "interrupted",
        "synloc": "not run",
    }
    assert "| tactics |" in capsys.readouterr().out
    before = results()["tactics"]["seconds"]
    assert before > 0.2
    calls()

    assert run(recipes, TASKS="reid tactics") == 0
    assert calls() == ["train tactics.py", "test tactics.py"]
    assert results()["tactics"]["seconds"] > before
    assert "goes on with the training after 0:" in capsys.readouterr().out


def test_a_killed_run_goes_on_and_its_time_counts(recipes, monkeypatch):
    monkeypatch.setattr(task_run, "_SECONDS_BETWEEN_SAVES", 0.1)
    write_config("reid", "slow")
    context = multiprocessing.get_context("fork")
    killed = context.Process(target=run, args=(recipes,))
    killed.start()
    wait_for(Path("work/reid/epoch_1.pth"))
    while TrainingRecord.load(Path("work/reid")).seconds < 0.5:
        time.sleep(0.05)
    killed.kill()
    killed.join()
    # The training does not outlive its parent, and still writes a checkpoint.
    wait_for(Path("work/reid/interrupted.pth"))
    assert run(recipes, TASKS="reid") == 0
    assert results()["reid"]["seconds"] > 0.5
    assert [call for call in calls() if call.startswith("test")] == ["test reid.py"]


def test_a_task_that_another_run_is_training_is_left_alone(recipes, monkeypatch):
    monkeypatch.setattr(process, "LOCK_SECONDS", 0.3)
    Path("work").mkdir()
    with Path("work/.reid.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(recipes, TASKS="reid tactics") == 1
    assert "work/.reid.lock' is locked" in results()["reid"]["error"]
    assert calls()[0] == "train tactics.py"


WITH_DATA = """
_real = dict(type='Real', data_root='data/reid')
train_dataloader = dict(dataset=dict(datasets=[dict(type='SyntheticFallback', real=_real)]))
"""


def test_full_profile_downloads_first(recipes, clone):
    write_config("reid", "quick", WITH_DATA)
    (clone / "offline").touch()
    assert run(recipes, DOWNLOAD_DATA="true", TASKS="reid") == 1
    assert calls() == ["download reid-data"]
    assert results()["reid"]["error"] == "download: no network"
    (clone / "offline").unlink()
    assert run(recipes, DOWNLOAD_DATA="true", TASKS="reid") == 0
    assert calls() == ["download reid-data", "train reid.py", "test reid.py"]
    assert run(recipes, DOWNLOAD_DATA="true", TASKS="reid") == 0
    assert calls() == []


def test_a_task_that_missed_its_data_begins_anew_when_it_has_come(recipes, clone):
    write_config("reid", "quick", WITH_DATA)
    options = dict(PROFILE="full", TASKS="reid")
    assert run(recipes, **options) == 0
    assert results()["reid"]["missing_data"] == ["data/reid"]
    (clone / "offline").touch()
    calls()
    # A download that fails takes nothing away.
    assert run(recipes, **options, DOWNLOAD_DATA="true") == 1
    assert run(recipes, **options) == 0
    assert calls() == ["download reid-data"]
    (clone / "offline").unlink()
    assert run(recipes, **options, DOWNLOAD_DATA="true") == 0
    assert calls() == ["download reid-data", "train reid.py", "test reid.py"]
    assert Path("work/reid.1/epoch_2.pth").exists()
    # Data that is deleted after the training does not undo it.
    shutil.rmtree("data")
    assert run(recipes, **options) == 0
    assert calls() == []


def test_synthetic_profile_downloads_nothing(recipes, capsys):
    assert run(recipes, DOWNLOAD_DATA="true", PROFILE="synthetic", TASKS="reid") == 0
    assert calls() == ["train reid.py", "test reid.py"]
    assert "nothing is downloaded" in capsys.readouterr().out


def test_defaults(clone):
    plain = Settings.from_environment({"DEVICE": "", "TASKS": " "})
    assert plain.tasks == tuple(RECIPES)
    assert (plain.profile, plain.gpus, plain.download_data) == ("synthetic", 1, False)
    assert plain.work_dir == Path("work_dirs/train_all_synthetic")
    assert Settings.from_environment({"DOWNLOAD_DATA": "True"}).profile == "full"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TASKS": "reid tactic"}, "TASKS='tactic' is unknown; did you mean 'tactics'"),
        ({"PROFILE": "ful"}, "PROFILE='ful' is unknown; did you mean 'full'"),
        ({"DEVICE": "gpu"}, "DEVICE='gpu' is unknown"),
        ({"DOWNLOAD_DATA": "maybe"}, "DOWNLOAD_DATA='maybe' is unknown"),
        ({"GPUS": "two"}, "GPUS='two' must be a whole number"),
        ({"GPUS": "0"}, "GPUS='0' must be a whole number"),
        ({"WORK_DIR": "file/work"}, "WORK_DIR='file/work' cannot be made"),
    ],
)
def test_wrong_values_are_refused(clone, variables, message):
    (clone / "file").touch()
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment(variables)
    assert message in str(refused.value)


def test_gpus_that_are_not_there_are_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="finds no GPU"):
        Settings.from_environment({"DEVICE": "cuda"})
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("mmengine.device.utils.DEVICE", "cpu")
    with pytest.raises(ConfigError, match="GPUS=3, but PyTorch finds 2"):
        Settings.from_environment({"DEVICE": "cuda", "GPUS": "3"})


def test_other_numbers_of_gpus_are_other_runs():
    config = load_config(ROOT / RECIPES["reid"].synthetic)
    again = load_config(ROOT / RECIPES["reid"].synthetic)
    assert fingerprint(config, 1) == fingerprint(again, 1) != fingerprint(config, 2)


@pytest.mark.parametrize("task", RECIPES)
def test_shipped_recipes(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = RECIPES[task]
    synthetic, full = load_config(ROOT / recipe.synthetic), load_config(ROOT / recipe.full)
    # --auto-scale-lr changes nothing on one process.
    batch_size = synthetic.train_dataloader.batch_size
    assert synthetic.auto_scale_lr.base_batch_size == batch_size
    assert "base_batch_size" in full.auto_scale_lr
    assert full.default_hooks.checkpoint.get("save_best", recipe.metric) == recipe.metric
    assert missing_data(synthetic) == []
    # What is downloaded is where the config looks for it.
    (folder,) = missing_data(full)
    assert f"{folder}/".startswith(f"data/{DATASETS[recipe.data].target}/")


def test_a_small_training_from_end_to_end(tmp_path):
    for name in ("train_all.sh", "train_all.py", "train.py", "test.py"):
        (tmp_path / "tools").mkdir(exist_ok=True)
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools" / name)
    small = dict(embed_dims=8, num_layers=1, num_heads=2)
    config = load_config(ROOT / RECIPES["trajectory"].synthetic, small)
    config = shrink_config(config, tmp_path)
    config.test_evaluator = [dict(type="MultiHorizonTrajectoryMetrics", baselines=())]
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.default_hooks.pop("pictures")
    for loader in (config.train_dataloader, config.test_dataloader):
        loader.dataset.update(num_samples=4, matches_per_block=1)
    config.pop("work_dir")
    config_path = tmp_path / RECIPES["trajectory"].synthetic
    config_path.parent.mkdir(parents=True)
    config.dump(config_path)
    variables = {"DEVICE": "cpu", "TASKS": "trajectory", "OMP_NUM_THREADS": "1"}
    python = {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        ["tools/train_all.sh"],
        cwd=tmp_path,
        env=os.environ | variables | python,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "work_dirs/train_all_synthetic"
    (entry,) = json.loads((folder / "results.json").read_text())["tasks"]
    assert entry["data"] == entry["trained_on"] == "synthetic: simulated matches"
    assert entry["metric"]["value"] == entry["metrics"]["trajectory/ADE@2.0s"] > 0.1
    assert (tmp_path / entry["checkpoint"]).name == "epoch_1.pth"
    assert (folder / "trajectory/train.log").read_text().startswith("$ ")
    assert f"ADE@2.0s {entry['metric']['value']:.3f} m" in done.stdout


def test_the_tool_refuses_wrong_settings_and_explains_itself(monkeypatch, capsys):
    monkeypatch.setenv("GPUS", "many")
    tool = runpy.run_path(str(ROOT / "tools/train_all.py"))["main"]
    with pytest.raises(SystemExit) as refused:
        tool([])
    assert refused.value.code == 2
    assert "error: GPUS='many' must be a whole number" in capsys.readouterr().err
    with pytest.raises(SystemExit) as helped:
        tool(["--help"])
    assert helped.value.code == 0
    assert "PROFILE=synthetic|full" in capsys.readouterr().out
