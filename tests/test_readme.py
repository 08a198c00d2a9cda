"""What README and docs print works as printed."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from footmm.apis.config import load_config
from footmm.simulation import formations
from footmm.testing import run_forks, shrink_config

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

    monkeypatch.chdir(tmp_path)
    main = runpy.run_path(str(ROOT / "tools/train.py"))["main"]
    log = tmp_path / "log"
    # In a process of its own: the head stays registered.
    assert run_forks(log, lambda: main(["tiny.py"])) == [0], log.read_text()[-3000:]
    assert (tmp_path / "work/epoch_1.pth").is_file()


PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "configs/*/README.md")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    # What tools print may name what does not exist.
    text = re.sub(r"```none\n.*?```", "", text, flags=re.DOTALL)
    linked = re.findall(r"\]\(([^)#:\s]+)[)#]", text) + re.findall(r'<img src="([^":]+)"', text)
    named = re.findall(r"\b((?:tools|configs|requirements|docs|benchmarks)/[\w/.-]+\.\w+)", text)
    generated = [path for path in linked if path.startswith("reference/")]
    paths = [(ROOT / page).parent / path for path in linked if path not in generated]
    paths += [ROOT / path for path in named]
    assert not [path for path in paths if not path.exists()]


def test_solver_of_the_homography_page_runs():
    [solver] = [
        block for block in code_blocks("docs/homography.md", "python") if "calibrate" in block
    ]
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
