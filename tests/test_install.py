"""requirements/install.sh says plainly what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def clone(tmp_path) -> Path:
    """A folder with what the script reads, and a bin/ that shadows commands."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "setup.py").touch()
    (tmp_path / "bin").mkdir()
    return tmp_path


def shadow(clone: Path, name: str, script: str) -> None:
    path = clone / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def install(clone: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [clone / "requirements/install.sh", "dev"],
        env={"PATH": f"{clone / 'bin'}:{os.environ['PATH']}", **environment},
        text=True,
        capture_output=True,
    )


def test_python_that_is_too_old(clone):
    for name in ("python", "python3", "python3.10", "python3.11"):
        shadow(clone, name, 'test "$1" = -V && echo Python 3.8.18')
    done = install(clone)
    assert done.returncode != 0
    assert done.stderr.startswith("error: footmm needs Python 3.10 or 3.11 (found: Python 3.8.18)")
    assert not (clone / ".venv").exists()


def test_named_python_that_is_too_old(clone):
    shadow(clone, "python3.7", 'test "$1" = -V && echo Python 3.7.1')
    done = install(clone, PYTHON="python3.7")
    assert done.returncode != 0
    assert "PYTHON=python3.7 is not Python 3.10 or 3.11 (Python 3.7.1)" in done.stderr


def test_full_disk(clone):
    shadow(clone, "python3.11", "exit 0")
    shadow(clone, "df", "printf 'Filesystem\\n/dev/disk 100 90 2000000 98%% /\\n'")
    done = install(clone)
    assert done.returncode != 0
    assert "has 2000 MB free; the environment needs 9000 MB" in done.stderr
    assert not (clone / ".venv").exists()


def test_nothing_is_done_twice(clone):
    shadow(
        clone,
        "python3.11",
        'test "$1" = -m || exit 0\nmkdir -p .venv/bin\ncp "$0" .venv/bin/python\n'
        "printf '#!/bin/sh\\necho $* >>calls; "
        'test "$1" = -c && case "$2" in *print*) echo 311;; esac; exit 0\\n\''
        " >.venv/bin/python; chmod +x .venv/bin/python",
    )
    first = install(clone)
    assert first.returncode == 0, first.stderr
    calls = (clone / "calls").read_text()
    assert "pip install" in calls
    assert "--constraint requirements/lock-py311.txt --editable .[dev]" in calls
    (clone / "calls").unlink()

    assert install(clone).returncode == 0
    assert "pip" not in (clone / "calls").read_text()

    (clone / "setup.py").write_text("# other requirements\n")
    assert install(clone).returncode == 0
    assert "pip install" in (clone / "calls").read_text()
