from __future__ import annotations

import logging

import pytest

from footmm.datasets.rejected_boxes import RejectedBoxes, refuse
from footmm.errors import DataFormatError


def test_refuse_stops_at_the_first():
    with pytest.raises(DataFormatError, match=r"^gt.txt, line 3: no box$"):
        refuse("kind", "gt.txt, line 3", "no box")


def test_one_warning_for_each_kind(monkeypatch):
    said = []
    monkeypatch.setattr(
        "footmm.datasets.rejected_boxes.print_log",
        lambda text, logger, level: said.append((text.splitlines(), level)),
    )
    rejected = RejectedBoxes()
    for line in range(1, 6):
        rejected.add("too small", f"gt.txt, line {line}", "no size")
    rejected.add("too far", "gt.txt, line 9", "outside")
    assert rejected.counts == {"too small": 5, "too far": 1}
    rejected.report("Reader")
    small = [
        "Reader dropped 5 boxes (too small):",
        "  gt.txt, line 1: no size",
        "  gt.txt, line 2: no size",
        "  gt.txt, line 3: no size",
        "  and 2 more",
    ]
    far = ["Reader dropped 1 boxes (too far):", "  gt.txt, line 9: outside"]
    assert said == [(small, logging.WARNING), (far, logging.WARNING)]
