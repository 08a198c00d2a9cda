"""What all command line tools share: config arguments, folders, errors a person can read."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config, DictAction

from footmm.apis.config import load_config
from footmm.errors import ConfigError, FootmmError

#: Exit codes: what a shell expects of wrong usage, and of a run ended by Ctrl-C.
USER_ERROR, INTERRUPTED = 2, 130


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``CONFIG`` and ``--cfg-options`` to a parser."""
    parser.add_argument("config", help="config file, e.g. configs/reid/osnet_synthetic.py")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        metavar="KEY=VALUE",
        help="change values of the config; +KEY=VALUE adds a key that is not there",
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what training and testing share: work dir, device and launcher."""
    parser.add_argument("--work-dir", help="where logs and files go (work_dirs/<config>)")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: CUDA if there is one")
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm", "mpi"], default="none")


def load_run_config(args: argparse.Namespace) -> Config:
    """The config that the arguments of :func:`add_run_arguments` and its own name.

    Raises:
        ConfigError: See :func:`footmm.apis.config.load_config`.
    """
    config = load_config(args.config, args.cfg_options)
    config.launcher = args.launcher
    default = Path("work_dirs") / Path(args.config).stem
    config.work_dir = args.work_dir or config.get("work_dir") or str(default)
    return config


def prepare_folder(
    out: Path,
    results: Sequence[str],
    overwrite: bool,
    option: str = "--out",
    permission: str = "--overwrite",
) -> None:
    """Create the folder of a tool's results.

    Args:
        out: The folder.
        results: Names of files one of which tells that it holds results of an earlier run.
        overwrite: Whether it may hold anything else.
        option: What the folder was given with, for messages.
        permission: What allows it to hold anything else, for messages.

    Raises:
        ConfigError: It holds files, but no earlier results, or cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        is_foreign = any(out.iterdir()) and not any((out / name).is_file() for name in results)
        is_writable = os.access(out, os.W_OK | os.X_OK)
    except OSError as error:
        raise ConfigError(f"{option} '{out}' is no folder to write to: {error.strerror}") from error
    if not is_writable:
        raise ConfigError(f"{option} '{out}' is no folder to write to: permission denied")
    if is_foreign and not overwrite:
        raise ConfigError(
            f"{option} '{out}' holds files, and no {' or '.join(results)} of an earlier run; "
            f"choose another folder, or write into this one with {permission}"
        )


@contextmanager
def report_errors() -> Iterator[None]:
    """Print errors meant for the user without a traceback and leave with exit code 2."""
    try:
        yield
    except FootmmError as error:
        print(f"error: {_message(error)}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _message(error: FootmmError) -> str:
    # An error from a data-loading worker arrives as the text of its whole traceback, which ends
    # with the error itself.
    text = str(error)
    name = f"{type(error).__name__}: "
    return text.rpartition(name)[2].strip() if "Traceback (most recent call last)" in text else text
