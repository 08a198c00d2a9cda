"""Processes for tests that start with everything imported: importing costs more than most tests."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import torch


def run_forks(log: str | Path, *actions: Callable[[], object]) -> list[int]:
    """Run actions at the same time, each in a fork of this process, and wait for all of them.

    Args:
        log: Text file that what they print is added to, and the traceback of one that fails.
        *actions: What to run; the forks use one thread.

    Returns:
        How each ended: its exit code, or the negative number of the signal that killed it.
    """
    children = [_fork(action, log) for action in actions]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def run_ranks(log: str | Path, world_size: int, action: Callable[[int], object]) -> list[int]:
    """Run an action, given its rank, in forks with the variables that torchrun sets.

    Args:
        log: As :func:`run_forks` takes it.
        world_size: Number of processes, all on this machine.
        action: What each of them runs.

    Returns:
        As :func:`run_forks` does.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": world_size}

    def run(rank: int) -> None:
        launched = {**shared, "RANK": rank, "LOCAL_RANK": rank}
        os.environ.update({name: str(value) for name, value in launched.items()})
        action(rank)

    return run_forks(log, *(partial(run, rank) for rank in range(world_size)))


def _fork(action: Callable[[], object], log: str | Path) -> int:
    threads = cv2.getNumThreads()
    # A fork has none of OpenCV's threads, and would wait for them for ever when it stops them.
    cv2.setNumThreads(1)
    child = os.fork()
    if child:
        cv2.setNumThreads(threads)
        return child
    # From here on in the child, which must not return into the test.
    code = 1
    try:
        # Python's streams may be those of a test runner, which end up elsewhere.
        sys.stdout = sys.stderr = open(log, "a", buffering=1)  # noqa: SIM115
        os.dup2(sys.stdout.fileno(), 1)
        os.dup2(sys.stdout.fileno(), 2)
        torch.set_num_threads(1)
        action()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
