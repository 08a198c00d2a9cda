"""Train and test every task in turn; settings are environment variables (see --help)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from footmm.apis.cli import report_errors
from footmm.apis.train_all import Settings, train_all
from footmm.apis.train_all.settings import VARIABLES

ROOT = Path(__file__).resolve().parents[1]
_DESCRIPTION = """\
Train and test every task in turn. Finished tasks are skipped, interrupted ones go on, and a failure
does not end the rest. The table at the end also stands in WORK_DIR/results.md and results.json; the
exit code is 0 if all tasks have succeeded.
"""


def parse_args(argv: list[str] | None = None) -> None:
    lines = [f"  {name + '=' + values:<26}default: {text}" for name, values, text in VARIABLES]
    argparse.ArgumentParser(
        prog="train_all.sh",
        usage="[VARIABLE=VALUE ...] tools/train_all.sh",
        description=_DESCRIPTION,
        epilog="variables:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    parse_args(argv)
    with report_errors():
        root = Path(os.path.relpath(ROOT))
        sys.exit(train_all(Settings.from_environment(os.environ), root))


if __name__ == "__main__":
    main()
