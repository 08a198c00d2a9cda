"""What the notebooks share. They run in the root of a clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from IPython import get_ipython

#: Bytes that are copied at once.
CHUNK = 16 * 2**20

# For the tools: lines of progress in place of a bar, of which a notebook would show every state,
# and no matplotlib backend of the notebook's Python, which theirs may not have.
os.environ |= {"TERM": "dumb", "MPLBACKEND": "Agg"}


def stop_on_error() -> None:
    """Stop here if the last command with an exclamation mark failed; notebooks would go on.

    Raises:
        RuntimeError: It did.
    """
    if get_ipython().user_ns["_exit_code"]:
        raise RuntimeError("the command above failed; its last lines say why")


def find_python() -> str:
    """Return a Python that has footmm; where there is none, it is installed into ``.venv``.

    The notebook may run in another one: that of Colab is newer than those footmm runs with.

    Raises:
        RuntimeError: The installation failed.
    """
    own = str(Path(".venv/bin/python").absolute())
    for python in (sys.executable, own):
        if has_footmm(python):
            return python
    print("installing footmm into .venv: some minutes")
    uv = f"{sys.executable} -m uv venv --quiet --allow-existing --seed --python 3.11 .venv"
    get_ipython().system(
        f"{sys.executable} -m pip install --quiet uv && {uv} && requirements/install.sh"
    )
    stop_on_error()
    return own


def has_footmm(python: str) -> bool:
    """Whether a Python imports footmm and what it stands on, not only from a clone's folder."""
    command = [python, "-c", "import footmm, mmengine"]
    try:
        done = subprocess.run(command, cwd="/", capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def fetch(source: Path, target: Path) -> None:
    """Copy a file in one stream, unless it is there; a copy that was cut off is continued.

    Raises:
        OSError: There is no room, or the source cannot be read: run it again.
    """
    size = source.stat().st_size
    if target.exists() and target.stat().st_size == size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    with source.open("rb") as reader, partial.open("ab") as writer:
        reader.seek(writer.tell())
        shutil.copyfileobj(reader, writer, CHUNK)
    if partial.stat().st_size != size:
        partial.unlink()
        raise OSError(f"{partial} was begun with another file than {source}: run this again")
    partial.replace(target)
    print(f"{target}: {size / 1e9:.2f} GB")


def find_checkpoint(work_dir: Path) -> Path:
    """Return the checkpoint that was the best one on validation, else the last one.

    Raises:
        FileNotFoundError: There is none.
    """
    best = sorted(work_dir.glob("best_*.pth"), key=lambda path: path.stat().st_mtime)
    if best:
        return best[-1]
    note = work_dir / "last_checkpoint"
    if not note.exists():
        raise FileNotFoundError(f"{work_dir} holds no checkpoint yet: run the training notebook")
    # The note holds the path at the time of writing; the folder may have been moved since.
    return work_dir / Path(note.read_text()).name


def read_figures(work_dir: Path) -> dict[str, float]:
    """Return what the newest test in a work dir has measured, without the prefix ``synloc/``.

    Raises:
        FileNotFoundError: There was no test.
    """
    logs = sorted(work_dir.glob("*/*.json"))
    if not logs:
        raise FileNotFoundError(f"{work_dir} holds no figures: run tools/test.py first")
    figures = json.loads(logs[-1].read_text())
    return {
        name.removeprefix("synloc/"): value
        for name, value in figures.items()
        if name.startswith("synloc/")
    }
