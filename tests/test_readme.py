"""The README's example of a head of one's own is complete: it trains as printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from footmm.apis.config import load_config
from footmm.testing import shrink_config

ROOT = Path(__file__).parents[1]


def code_blocks(language: str) -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", readme, flags=re.DOTALL)


def test_head_of_ones_own_trains(tmp_path, monkeypatch):
    head, config = code_blocks("python")
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


def test_files_that_the_readme_names_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(([^)#:]+)\)", readme)
    named += re.findall(r"\b((?:tools|configs|requirements|docs)/[\w/.-]+\.\w+)", readme)
    missing = [path for path in named if not (ROOT / path).exists()]
    assert named
    assert not missing
