"""Cameras of a video's frames: SoccerNet's json files, or those found by footmm."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from footmm.datasets.base import read_json_object
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera
from footmm.structures.calibrated_frame import camera_for_image

_FRAME_NUMBER = re.compile(r"(\d+)$")


def read_cameras(path: str | os.PathLike[str], image_size: tuple[int, int]) -> dict[int, Camera]:
    """Read the cameras of a video's frames.

    The number of a frame is the one that the name of its image (``000001.jpg``) or camera
    (``camera_000001.json``) ends in.

    Args:
        path: The ``cameras.json`` that ``tools/infer/homography.py`` writes, or a folder of
            SoccerNet's ``camera_NNNNN.json``.
        image_size: Width and height of the frames, pixels.

    Returns:
        One camera for each frame that has one, by the number of the frame.

    Raises:
        DatasetNotFoundError: There are no such files.
        DataFormatError: A file breaks its format.
    """
    path = Path(path)
    if not path.is_file() and not any(path.glob("camera_*.json")):
        raise DatasetNotFoundError(
            f"{path} holds no cameras; find them with 'tools/infer/homography.py CONFIG CHECKPOINT "
            "SEQUENCE/img1 --out FOLDER' and give FOLDER/cameras.json, or a folder of SoccerNet's "
            "camera_NNNNN.json"
        )
    found: dict[int, Camera | None] = {}
    for frame, parameters, place in _stored_cameras(path):
        match = _FRAME_NUMBER.search(Path(frame).stem)
        number = int(match[1]) if match else 0
        if number < 1 or number in found:
            raise DataFormatError(
                f"{place}: the name of a frame must end in its number, from 1 on and each once, as "
                "the images of a sequence do"
            )
        try:
            found[number] = camera_for_image(parameters, image_size)
        except DataFormatError as error:
            raise DataFormatError(f"{place}: {error}") from error
    return {number: camera for number, camera in found.items() if camera is not None}


def _stored_cameras(path: Path) -> Iterator[tuple[str, dict[str, Any] | None, str]]:
    """Yield the name of a frame, its camera in SoccerNet's format, and where it is written."""
    if path.is_dir():
        for file in sorted(path.glob("camera_*.json")):
            yield file.name, read_json_object(file), str(file)
        return
    frames = read_json_object(path).get("frames")
    if not isinstance(frames, dict):
        raise DataFormatError(
            f"{path} has no object 'frames'; give a cameras.json of tools/infer/homography.py"
        )
    for name, frame in frames.items():
        place = f"{path}, frame '{name}'"
        if not isinstance(frame, dict) or not isinstance(frame.get("camera", 0), dict | None):
            raise DataFormatError(f"{place}: 'camera' is missing or no object")
        yield name, frame["camera"], place
