"""SkillCorner's positions of those whom the camera did not see, which kloppy does not mark."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from footmm.errors import DataFormatError


def has_guesses(path: str | os.PathLike[str]) -> bool:
    """Whether a file of tracks is of SkillCorner's third version, a frame in every line.

    Older files, one list of frames, hold only who was seen.
    """
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(1) == b"{"


def read_detections(path: str | os.PathLike[str]) -> bytes:
    """Read a file of tracks without the positions that are guessed (``is_detected`` is false).

    Args:
        path: ``<match>_tracking_extrapolated.jsonl``.

    Returns:
        The file's content, with those players left out, and the ball's place empty.

    Raises:
        DataFormatError: A line is no frame.
    """
    frames: list[dict[str, Any]] = []
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                after = f" after frame {frames[-1].get('frame')}" if frames else ""
                frame = _parse(line, f"{path}, line {number}{after}")
                frames.append(_without_guesses(frame))
    return "\n".join(map(json.dumps, frames)).encode()


def _parse(line: bytes, place: str) -> dict[str, Any]:
    try:
        frame = json.loads(line)
        players, ball = frame["player_data"], frame["ball_data"]
        entries = [*players, ball] if isinstance(players, list) else [None]
        if all(isinstance(entry, dict) for entry in entries):
            return frame
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataFormatError(
            f"{place}, is no frame of SkillCorner's tracks ({type(error).__name__}: {error}); the "
            "file is truncated or damaged: get it again"
        ) from error
    raise DataFormatError(
        f"{place}: 'player_data' has to be a list of objects and 'ball_data' an object"
    )


def _without_guesses(frame: dict[str, Any]) -> dict[str, Any]:
    ball = frame["ball_data"]
    if ball.get("is_detected") is False:
        ball = ball | dict(x=None, y=None, z=None)
    seen = [player for player in frame["player_data"] if player.get("is_detected") is not False]
    return frame | dict(player_data=seen, ball_data=ball)
