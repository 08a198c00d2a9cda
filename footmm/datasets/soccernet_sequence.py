"""Sequences of SoccerNet's tracking task: the MOT layout, and who is who in ``gameinfo.ini``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from footmm.datasets.mot import (
    BOXES_FILE,
    GAME_FILE,
    INFO_FILE,
    MOTSequence,
    check_sequence_files,
    read_boxes,
    read_section,
    read_sequence_info,
)
from footmm.datasets.rejected_boxes import Reject, refuse

HOW_TO_GET = (
    "SoccerNet's tracking data is free for research: 'tools/data/download.py soccernet-tracking' "
    "fetches it into data/soccernet/tracking (docs/data.md)"
)

_TRACK_KEY = re.compile(r"trackletid_(\d+)")


def read_described_sequence(
    folder: str | os.PathLike[str], every: int = 1, reject: Reject = refuse
) -> tuple[MOTSequence, dict[int, str]]:
    """Read a sequence, and who its tracks are.

    Args:
        folder: Holds ``gt/gt.txt``, ``gameinfo.ini`` and ``seqinfo.ini``; images are not needed.
        every: See :func:`footmm.datasets.mot.read_boxes`.
        reject: Likewise.

    Returns:
        The sequence, and its tracks in the words of the file, e.g. ``player team left;10``.

    Raises:
        DatasetNotFoundError: A file is missing.
        DataFormatError: A line is broken, or a track has frames twice or out of order; without
            ``reject`` also where a track has no entry in ``gameinfo.ini``.
    """
    folder = Path(folder)
    check_sequence_files(folder, (INFO_FILE, GAME_FILE, BOXES_FILE), HOW_TO_GET)
    info = read_sequence_info(folder)
    descriptions = _read_descriptions(folder / GAME_FILE)
    return read_boxes(info, descriptions, every, reject), descriptions


def role_of(description: str) -> str:
    """Return the part of a description that tells the role, e.g. ``player team left``."""
    return description.partition(";")[0].strip().lower()


def _read_descriptions(file: Path) -> dict[int, str]:
    matches = ((_TRACK_KEY.fullmatch(key), value) for key, value in read_section(file).items())
    return {int(match[1]): value for match, value in matches if match}
