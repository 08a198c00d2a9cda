"""Forks that end in every way there is."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial

import cv2
import numpy as np
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


def test_a_fork_can_change_the_threads_of_opencv(tmp_path):
    cv2.setNumThreads(2)
    cv2.warpAffine(np.zeros((2000, 2000, 3), np.uint8), np.eye(2, 3), (2000, 2000))
    time.sleep(0.3)  # until its threads, which have worked, sleep
    assert run_forks(tmp_path / "log", partial(cv2.setNumThreads, 1)) == [0]
    assert cv2.getNumThreads() == 2
