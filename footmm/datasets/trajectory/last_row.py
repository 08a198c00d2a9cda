"""Last Row: plays of the season 2019/20, collected by hand."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from footmm.datasets.trajectory.preparation import RawTracks
from footmm.errors import DataFormatError
from footmm.pitch.dimensions import PitchDimensions
from footmm.structures.agent_tracks import AWAY, BALL, HOME

_RATE = 20.0
_COLUMNS = ("player", "frame", "x", "y", "team")
_TEAMS = {"attack": HOME, "defense": AWAY, "": BALL}

Row = tuple[str, int, float, float, int]
"""Agent, frame, x and y of 100, team."""


def read_last_row(path: str | os.PathLike[str], match: str = "") -> RawTracks:
    """Read a play of Last Row, as it is delivered.

    The csv has a row for each agent and frame, with x and y from 0 to 100 over length and width of
    the pitch, 20 frames a second. The size of the pitch is not known; 105 x 68 m is assumed. The
    team that scores, ``attack``, stands for the home team; it attacks where the ball ends. Who is
    goalkeeper is not known.

    Source: https://github.com/Friends-of-Tracking-Data-FoTD/Last-Row

    Args:
        path: The csv file of one play.
        match: Name of the match.

    Raises:
        DataFormatError: The file is no such csv, or a row of it is broken.
    """
    path = Path(path)
    rows = list(_read_rows(path))
    pitch = PitchDimensions()
    frame_ids, frames = np.unique([row[1] for row in rows], return_inverse=True)
    team_of = {row[0]: row[4] for row in rows}
    names = sorted(team_of, key=lambda name: (team_of[name], int(name)))
    columns = [names.index(row[0]) for row in rows]
    positions = np.zeros((len(frame_ids), len(names), 2), np.float32)
    present = np.zeros((len(frame_ids), len(names)), bool)
    shares = np.array([row[2:4] for row in rows]) / 100 - 0.5
    positions[frames, columns] = shares * [pitch.length, pitch.width]
    present[frames, columns] = True
    team = np.array([team_of[name] for name in names], np.int8)
    return RawTracks(
        match=match,
        source="lastrow",
        origin=str(path),
        rate=_RATE,
        times=frame_ids / _RATE,
        period=np.ones(len(frame_ids), np.int8),
        frame_ids=frame_ids.astype(np.int64),
        positions=positions,
        present=present,
        team=team,
        goalkeeper=np.zeros(len(names), bool),
        agent_ids=tuple(names),
        home_attacks_right={1: _goal_is_right(path, positions, present, team)},
        pitch=pitch,
    )


def _read_rows(path: Path) -> Iterator[Row]:
    seen = set()
    for line, fields in _read_table(path):
        row = _parse(path, line, fields)
        if row[:2] in seen:
            raise DataFormatError(
                f"{path}:{line}: frame {row[1]} has player {row[0]} twice; a play of Last Row has "
                "one row for each, and one file for each play"
            )
        seen.add(row[:2])
        yield row
    if not seen:
        raise DataFormatError(f"{path} holds no positions; get it again")


def _read_table(path: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield number and fields of every line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise DataFormatError(
                    f"{path} has no column {', '.join(missing)}; a play of Last Row has "
                    f"{', '.join(_COLUMNS)}"
                )
            for fields in table:
                yield table.line_num, fields
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataFormatError(f"{path} is no csv file ({error}); get it again") from error


def _parse(path: Path, line: int, fields: dict[str, str | None]) -> Row:
    # A row that is cut off ends with None in place of fields.
    values = [fields[name] for name in _COLUMNS]
    if None in fields.values() or values[-1] not in _TEAMS:
        raise DataFormatError(
            f"{path}:{line}: frame {fields['frame']} of player {fields['player']} is cut off, or "
            f"its team is none of 'attack', 'defense' and, for the ball, empty ('{values[-1]}')"
        )
    try:
        player, frame, x, y = int(values[0]), int(values[1]), float(values[2]), float(values[3])
    except ValueError as error:
        raise DataFormatError(
            f"{path}:{line}: frame {fields['frame']} of player {fields['player']}: {error}"
        ) from error
    return str(player), frame, x, y, _TEAMS[values[-1]]


def _goal_is_right(
    path: Path, positions: np.ndarray, present: np.ndarray, team: np.ndarray
) -> bool:
    ball = np.flatnonzero(team == BALL)
    if len(ball) != 1:
        raise DataFormatError(f"{path} has {len(ball)} agents without a team; one is the ball")
    last = np.flatnonzero(present[:, ball[0]])[-1]
    return bool(positions[last, ball[0], 0] > 0)
