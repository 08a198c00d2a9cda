"""Run every script in benchmarks/ and write what they print to docs/benchmarks.md.

What a script needs and does not find, a peer or an argument, is the reason why it was not run. The
machine should do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from footmm.apis.cli import report_errors
from footmm.apis.train_all.process import Outcome
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.errors import ConfigError, did_you_mean

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# Benchmarks

What the scripts in `benchmarks/` print: footmm and what it is compared with, in one run on one
machine. Written by `python tools/analysis/benchmark_all.py`.
"""
#: What a script says that cannot run here.
_NEEDS = (
    re.compile(r"ModuleNotFoundError: (No module named '(?!footmm)[\w.]+')"),
    re.compile(r"error: the following (arguments are required: .+)"),
)
#: MMEngine's log, which comes before a table: all up to its last line.
_LOG = re.compile(r".*^\d\d/\d\d \d\d:\d\d:\d\d - mmengine - [^\n]*\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Run:
    """What became of a script.

    Attributes:
        command: What was called, from the root of a clone.
        seconds: How long it took.
        printed: Its table.
        not_run: What it needs and did not find; None if it has run.
        error: Why it failed; None if it has not.
    """

    command: str
    seconds: float
    printed: str
    not_run: str | None
    error: str | None

    @property
    def state(self) -> str:
        """How it went, in one line."""
        if self.not_run is not None:
            return f"not run: {self.not_run}"
        took = f"{self.seconds:.0f} s"
        return took if self.error is None else f"FAILED after {took}: {self.error}"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these scripts, e.g. locsim_eval")
    parser.add_argument(
        "--arguments",
        nargs="+",
        default=[],
        metavar="NAME=ARGUMENTS",
        help="what to give to a script, e.g. 'locsim_eval=--images 500'",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    return parser.parse_args(argv)


def find_scripts(folder: Path, only: Sequence[str] | None) -> list[Path]:
    """Find the scripts, sorted by name.

    Raises:
        ConfigError: One that is asked for does not exist.
    """
    known = {path.stem: path for path in sorted(folder.glob("*.py"))}
    _check_names("--only", only or (), known)
    return [path for name, path in known.items() if not only or name in only]


def parse_arguments(pairs: Sequence[str], scripts: Sequence[Path]) -> dict[str, list[str]]:
    """Read ``NAME=ARGUMENTS``.

    Raises:
        ConfigError: A name is none of the scripts'.
    """
    arguments = dict(pair.partition("=")[::2] for pair in pairs)
    _check_names("--arguments", arguments, {script.stem: script for script in scripts})
    return {name: shlex.split(value) for name, value in arguments.items()}


def _check_names(option: str, names: Sequence[str], known: dict[str, Path]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{option}: there is no script '{name}'{did_you_mean(name, known)}; there are "
                f"{', '.join(known)}"
            )


def run_script(script: Path, arguments: Sequence[str], root: Path) -> Run:
    """Run a script in the root of a clone."""
    command = [str(script.relative_to(root)), *arguments]
    start = time.monotonic()
    done = subprocess.run([sys.executable, *command], cwd=root, text=True, capture_output=True)
    seconds = time.monotonic() - start
    not_run = error = None
    if done.returncode != 0:
        needs = [match[1] for pattern in _NEEDS if (match := pattern.search(done.stderr))]
        not_run = needs[0] if needs else None
        error = None if needs else Outcome(done.returncode, done.stderr.splitlines()).reason
    printed = _LOG.sub("", done.stdout).strip("\n")
    return Run(f"python {shlex.join(command)}", seconds, printed, not_run, error)


def claim(script: Path) -> str:
    """What a script's docstring says, without how to call it; Markdown."""
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    paragraphs = [_told(paragraph.strip()) for paragraph in text.split("\n\n")]
    return "\n\n".join(filter(None, paragraphs)).replace("``", "`")


def _told(paragraph: str) -> str:
    """A paragraph; of one that holds commands only what has to be installed."""
    if paragraph.startswith("pip "):
        return f"Needs `{paragraph.splitlines()[0]}`."
    return "" if paragraph.startswith("python ") else paragraph


def machine() -> str:
    """The processor, and the versions that matter; no date."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_processor()}, {cores} core{'s' * (cores != 1)}, Python {platform.python_version()}, "
        f"torch {version('torch')}, numpy {version('numpy')}"
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def section(script: Path, run: Run) -> str:
    """A script's part of the page."""
    where = "" if run.not_run else f"; {machine()}"
    parts = [f"## {script.stem}", claim(script), f"`{run.command}`: {run.state}{where}"]
    if run.printed:
        parts.append(f"```none\n{run.printed}\n```")
    return "\n\n".join(parts)


def earlier_sections(page: Path) -> dict[str, str]:
    """The parts of a page that is there, by the names of the scripts."""
    if not page.is_file():
        return {}
    parts = re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): part.strip() for part in parts}


def benchmark_all(args: argparse.Namespace, root: Path) -> int:
    """Run the scripts and write the page, anew after each.

    Returns:
        Exit code: 1 if a script has failed; those that were not run have not.

    Raises:
        ConfigError: A script does not exist.
    """
    everything = find_scripts(root / "benchmarks", None)
    scripts = find_scripts(root / "benchmarks", args.only)
    arguments = parse_arguments(args.arguments, scripts)
    earlier = earlier_sections(args.out)
    sections = {path.stem: earlier[path.stem] for path in everything if path.stem in earlier}
    has_failed = False
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for number, script in enumerate(scripts, start=1):
        print(f"[{number}/{len(scripts)}] {script.stem}", flush=True)
        run = run_script(script, arguments.get(script.stem, ()), root)
        print("\n".join(filter(None, [run.printed, f"  {run.state}"])), flush=True)
        has_failed |= run.error is not None
        sections[script.stem] = section(script, run)
        page = "\n\n".join([HEAD.strip(), *(sections[name] for name in sorted(sections))])
        AtomicLocalBackend().put_text(page + "\n", args.out)
    print(f"page: {args.out}")
    return int(has_failed)


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> None:
    args = parse_args(argv)
    with report_errors():
        sys.exit(benchmark_all(args, root))


if __name__ == "__main__":
    main()
