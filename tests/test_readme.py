"""What README and docs print works as printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from footmm.apis.config import load_config
from footmm.simulation import formations
from footmm.testing import shrink_config

ROOT = Path(__file__).parents[1]


def code_blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_head_of_ones_own_trains(tmp_path, monkeypatch):
    head, config = code_blocks("README.md", "python")
    (tmp_path / "my_head.py").write_text(head)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "my_osnet.py").write_text(config)
    monkeypatch.syspath_prepend(tmp_path)
    shrink_config(load_config(tmp_path / "my_osnet.py"), tmp_path).dump(tmp_path / "tiny.py")

    done = subprocess.run(
        [sys.executable, ROOT / "tools/train.py", "tiny.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "work/epoch_1.pth").is_file()


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/detection.md",
        "docs/google_drive.md",
        "docs/homography.md",
        "docs/reid.md",
        "docs/simulation.md",
        "docs/synloc.md",
        "docs/ball3d.md",
        "docs/tactics.md",
        "docs/trajectory.md",
    ],
)
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"\b((?:tools|configs|requirements|docs|benchmarks)/[\w/.-]+\.\w+)", text)
    paths = [(ROOT / page).parent / path for path in linked] + [ROOT / path for path in named]
    assert paths
    assert not [path for path in paths if not path.exists()]


def test_solver_of_the_homography_page_runs():
    solver, _ = code_blocks("docs/homography.md", "python")
    names: dict = {}
    exec(solver, names)
    assert names["found"].failure is None


def test_simulation_page_runs():
    match, formation, drone = code_blocks("docs/simulation.md", "python")
    names: dict = {}
    exec(match, names)
    assert names["tracks"].positions.shape == (1500, 25, 2)
    assert names["windows"][7].positions.shape == (50, 23, 2)

    names = dict(vars(formations))
    exec(formation, names)
    assert len(names["FORMATIONS"]) == len(formations.FORMATIONS) + 1
    assert len({slot.name for slot in names["FORMATIONS"][-1].slots}) == 11

    names = {"__name__": "drone"}
    exec(drone, names)
    labels = names["labels"]
    assert names["image"].shape == (540, 960, 3)
    # The drone looks at the ground below the ball.
    np.testing.assert_allclose(labels.ball.center_px, (479.5, 269.5), atol=40)
