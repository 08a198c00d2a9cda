"""The tool that writes synthetic data: arguments, stops, and going on after them."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "tools" / "data" / "simulate.py"
SMALL = ["--format=coco", "--num=40", "--seed=6", "--size=128x72", "--splits=0.8,0.2,0"]


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture(scope="module")
def whole(main, tmp_path_factory):
    """The bytes of the small set, drawn by one process in one go."""
    root = tmp_path_factory.mktemp("whole") / "set"
    main([*SMALL, f"--out={root}", "--workers=1"])
    return contents(root)


def contents(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def stop(root, number, workers):
    """Run the tool, send it a signal after some images, and return its output."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *SMALL, f"--out={root}", f"--workers={workers}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test run in the background of a shell ignores Ctrl-C and would hand that down.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    while len(list((root / "unfinished").rglob("*.jpg"))) < 3:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    if number == signal.SIGINT:
        # A terminal sends Ctrl-C to all processes.
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    # Ends only when the workers, who hold the other ends of the pipes, are gone too.
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def refused(main, capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_goes_on_after_a_kill(main, whole, tmp_path, capsys):
    root = tmp_path / "set"
    code, _, _ = stop(root, signal.SIGKILL, workers=2)
    assert code == -signal.SIGKILL
    assert [path.name for path in root.iterdir()] == ["unfinished"]
    for path in root.rglob("*.jpg"):
        assert path.read_bytes() == whole[str(path.relative_to(root / "unfinished"))]

    main([*SMALL, f"--out={root}", "--workers=1"])
    assert contents(root) == whole
    output = capsys.readouterr().out
    left = int(output.partition(": ")[2].partition(" of 40 items")[0])
    assert 0 < left < 40
    assert output.endswith(f"wrote {root}\n")


def test_ctrl_c_ends_it_cleanly(main, whole, tmp_path):
    root = tmp_path / "set"
    code, _, errors = stop(root, signal.SIGINT, workers=1)
    assert code == 130
    assert errors == "interrupted; run the same command again to go on\n"

    main([*SMALL, f"--out={root}", "--workers=1"])
    assert contents(root) == whole


def test_says_what_it_takes(main, tmp_path, capsys):
    root = tmp_path / "tracks"
    main(["--format=npz", "--num=1", "--minutes=0.1", "--rate=5", f"--out={root}"])
    output = capsys.readouterr().out
    assert "1 of 1 items to write, about 2" in output
    assert " kB (" in output
    assert " free)" in output
    assert sorted(path.name for path in root.iterdir()) == ["match_00000.npz", "settings.json"]
    assert json.loads((root / "settings.json").read_text())["rate"] == 5


def test_refuses_a_folder_that_holds_something_else(main, tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("years of work")
    error = refused(main, capsys, *SMALL, f"--out={tmp_path}")
    assert "was not written by this export" in error
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_refuses_what_does_not_fit_on_the_disk(main, tmp_path, capsys, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    arguments = ["--format=npz", "--num=10000", "--minutes=0.1", "--rate=5"]
    error = refused(main, capsys, *arguments, f"--out={tmp_path / 'set'}")
    assert "MB are needed and 1.0 MB are free; make room, or export less" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format=npz", "--num=0"], "error: --num=0: give 1 or more"),
        (["--format=npz", "--num=1", "--seed=-1"], "error: --seed=-1: give 0 or more"),
        (["--format=npz", "--num=1", "--workers=0"], "error: --workers=0: give 1 or more"),
        (["--format=npz", "--num=1", "--size=64x64"], "error: --size: npz knows no such option"),
        (["--format=coco", "--num=1", "--size=64"], "invalid pair separated by 'x' value: '64'"),
        (["--format=coco", "--num=1", "--splits=1,1,1"], "they add up to 1"),
        (["--format=coco", "--num=1", "--pitch=20x68"], "PitchDimensions.length=20.0"),
        (["--format=jpeg", "--num=1"], "invalid choice: 'jpeg'"),
    ],
)
def test_refuses_wrong_arguments(main, tmp_path, capsys, arguments, message):
    assert message in refused(main, capsys, *arguments, f"--out={tmp_path / 'set'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["soccernet-calibration"], {"num_images": 100, "image_size": (960, 540)}),
        (["synloc"], {"num_images": 100, "image_size": (1920, 1080)}),
        (["synloc", "--size=960x540"], {"image_size": (960, 540)}),
        (["coco", "--pitch=100x64"], {"pitch_size": (100.0, 64.0)}),
        (["soccernet-tracking", "--frames=9"], {"num_sequences": 100, "num_frames": 9}),
        (["npz", "--minutes=45"], {"num_matches": 100, "minutes": 45.0}),
        (["soccernet-reid"], {"train_games": 50, "valid_games": 3, "challenge_games": 1}),
        (["market1501"], {"train_games": 5, "test_games": 1, "revision": 2}),
    ],
)
def test_arguments_reach_the_export(arguments, settings):
    tool = runpy.run_path(str(SCRIPT))
    args = tool["parse_args"](["--format", *arguments, "--num=100", "--seed=3", "--out=x"])
    found = tool["make_export"](args).settings()
    assert found["format"] == arguments[0]
    assert found["seed"] == 3
    assert {key: found[key] for key in settings} == settings
