"""Pin every version: run once per supported Python, with that Python.

    python3.10 requirements/update_lock.py && python3.11 requirements/update_lock.py

Resolves the package with all extras that the Makefile installs and writes
``requirements/lock-py3XX.txt``. Needs pip >= 23.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def resolve() -> dict[str, str]:
    """Name to version of everything that ``pip install .[dev]`` would install."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", f"{HERE.parent}[dev]"]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = [item["metadata"] for item in report["install"]]
    return {p["name"].lower(): p["version"] for p in packages if p["name"] != "footmm"}


def main() -> None:
    name = f"lock-py{sys.version_info.major}{sys.version_info.minor}.txt"
    pins = "".join(f"{name}=={version}\n" for name, version in sorted(resolve().items()))
    temporary = HERE / f"{name}.tmp"
    temporary.write_text(f"# Written by requirements/update_lock.py\n{pins}")
    temporary.replace(HERE / name)


if __name__ == "__main__":
    main()
