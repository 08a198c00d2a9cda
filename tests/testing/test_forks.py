"""Forks that end in every way there is."""

from __future__ import annotations

import os
import signal
import sys

import torch.distributed as dist

from footmm.testing import run_forks, run_ranks


def fail():
    raise ValueError("too bad")


def test_ends_and_what_is_printed(tmp_path):
    log = tmp_path / "log"
    kill = lambda: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
    actions = (lambda: print("fine"), fail, lambda: sys.exit(3), lambda: sys.exit("why"), kill)
    assert run_forks(log, *actions) == [0, 1, 3, 1, -signal.SIGKILL]
    assert "fine\n" in log.read_text()
    assert "ValueError: too bad" in log.read_text()


def test_ranks_find_each_other(tmp_path):
    def gather(rank):
        dist.init_process_group("gloo")
        ranks = [None, None]
        dist.all_gather_object(ranks, rank)
        print(ranks)

    log = tmp_path / "log"
    assert run_ranks(log, 2, gather) == [0, 0], log.read_text()
    assert log.read_text() == "[0, 1]\n[0, 1]\n"
    assert "RANK" not in os.environ
