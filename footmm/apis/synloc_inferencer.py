"""From images and videos of calibrated cameras to the places of athletes on the pitch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from footmm.apis.frame_inferencer import FrameInferencer, Record
from footmm.apis.frames import Frame, FrameReader
from footmm.apis.growing_files import growing_file, growing_json
from footmm.apis.inferencer import Pictures
from footmm.compat.checkpoints import load_checkpoint_file
from footmm.datasets.base import read_json_object
from footmm.datasets.synloc.annotations import CAMERA_KEYS, read_synloc_annotations
from footmm.datasets.transforms.synloc import PackSynLocInputs, scale_to_image
from footmm.engine.hooks.score_threshold import read_threshold
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError, did_you_mean
from footmm.pitch.camera import Camera
from footmm.structures.localised_athletes import PELVIS_GROUND, LocalisedAthletes
from footmm.visualization.synloc import (
    DEFAULT_THRESHOLD,
    draw_athletes,
    draw_athletes_from_above,
)

POSITIONS_FILE, TABLE_FILE = "positions.json", "positions.csv"
COLUMNS = ("image", "score", "x", "y", "ground_u", "ground_v", "left", "top", "right", "bottom")

HOW_TO_GIVE_CAMERAS = (
    "give cameras: SynLoc's json whose 'images' carry them, by the names of the image files; for a "
    "fixed camera a json of one such entry (width, height, camera_matrix, dist_poly, undist_poly), "
    "or a footmm.pitch.camera.Camera with a PolynomialLens"
)

#: Decimals of metres, pixels and scores in files.
_METRES, _PIXELS, _SCORE = 3, 2, 5

Cameras = str | os.PathLike[str] | Camera | Mapping[str, Camera]


class SynLocInferencer(FrameInferencer[LocalisedAthletes]):
    """Finds the athletes of frames and puts them on the pitch.

    ``out_dir`` gets ``positions.csv`` (a row for each athlete, :data:`COLUMNS`: metres in the world
    frame, empty where a keypoint looks above the horizon; pixels of the camera's size),
    ``positions.json`` (the same by image), the frames with what was found (``pictures/``, or
    ``athletes.mp4`` of a video) and the pitch from above (``top_views/``, ``top_view.mp4``). In
    results, ``image_id`` is the frame's number, from 1, and ``image_path`` its name.

    Args:
        config: A config of the synloc task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        cameras: SynLoc's annotation file, whose images are found by the names of their files; a
            json with the keys of one of its images, or a camera, for all frames; or cameras by the
            names of frames. Frames may be scaled copies of the size that their camera is for.
        min_score: Athletes below are left out; None takes the threshold that validation has put
            into the checkpoint, and 0.5 where there is none.
        pictures: Whether ``out_dir`` gets pictures.

    Raises:
        ConfigError: The config is missing, broken or of another task.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
        DatasetNotFoundError: The file of the cameras does not exist.
        DataFormatError: It breaks its format, or a camera cannot be told in SynLoc's.
    """

    task = "synloc"
    loader = "LoadSynLocImage"
    packer = "PackSynLocInputs"
    result_files = (POSITIONS_FILE, TABLE_FILE)
    picture_files = {"pictures": "athletes.mp4", "top_views": "top_view.mp4"}

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        cameras: Cameras | None = None,
        min_score: float | None = None,
        pictures: bool = True,
    ) -> None:
        self.fixed_camera, self.cameras = _read_cameras(cameras)
        super().__init__(config, checkpoint, device, pictures)
        if min_score is None:
            threshold = read_threshold(load_checkpoint_file(checkpoint))
            min_score = DEFAULT_THRESHOLD if threshold is None else threshold
        self.min_score = min_score

    def read(self, inputs: Any) -> FrameReader:
        """See :meth:`footmm.apis.frame_inferencer.FrameInferencer.read`.

        Raises:
            ConfigError: A frame has no camera.
        """
        reader = super().read(inputs)
        if self.fixed_camera is not None:
            return reader
        if not self.cameras:
            raise ConfigError(f"no place on the pitch without a camera: {HOW_TO_GIVE_CAMERAS}")
        if reader.names is None:
            raise ConfigError(
                "the frames of a video have no names that cameras could be found by: give one "
                "camera that does not move"
            )
        for name in reader.names:
            if name not in self.cameras:
                near = did_you_mean(name, self.cameras)
                raise ConfigError(f"image '{name}' has no camera{near}; {HOW_TO_GIVE_CAMERAS}")
        return reader

    def predict(
        self, source: FrameReader, batch_size: int, drawn: bool
    ) -> Iterator[tuple[Frame, LocalisedAthletes]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.predict`."""
        for frame, sample in self.predict_samples(source, batch_size):
            athletes = LocalisedAthletes.from_sample(sample)
            kept = athletes.scores >= self.min_score
            parts = ("bboxes", "scores", "keypoints", "positions")
            yield (
                frame,
                replace(athletes, **{part: getattr(athletes, part)[kept] for part in parts}),
            )

    def load(self, frame: Frame) -> dict[str, Any]:
        """See :meth:`footmm.apis.frame_inferencer.FrameInferencer.load`."""
        camera = self.fixed_camera or self.cameras[frame.name]
        unlabelled = [key for key in PackSynLocInputs.META_KEYS if key.startswith("ground_truth")]
        return scale_to_image(super().load(frame) | {"camera": camera} | dict.fromkeys(unlabelled))

    def draw(self, item: Frame, result: LocalisedAthletes) -> Pictures:
        """Draw the athletes on the frame, and on the pitch from above."""
        return {
            "pictures": draw_athletes(item.image, result, self.min_score),
            "top_views": draw_athletes_from_above(result, self.min_score),
        }

    @contextmanager
    def open_records(self, out: Path, source: FrameReader) -> Iterator[Record[LocalisedAthletes]]:
        """See :meth:`footmm.apis.frame_inferencer.FrameInferencer.open_records`."""
        with (
            growing_file(out / TABLE_FILE) as file,
            growing_json(out / POSITIONS_FILE, "images", source.report) as write,
        ):
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)

            def record(frame: Frame, result: LocalisedAthletes) -> None:
                athletes = list(_athletes(result))
                for athlete in athletes:
                    score, position, ground, box = athlete.values()
                    place = position or (None, None)
                    table.writerow([frame.name, score, *place, *ground, *box])
                write(frame.name, {"image_size": result.camera.image_size, "athletes": athletes})

            yield record


def _athletes(found: LocalisedAthletes) -> Iterator[dict[str, Any]]:
    """Yield the athletes of a frame as they are written."""
    positions = found.positions.round(_METRES)
    ground = found.keypoints[:, PELVIS_GROUND].round(_PIXELS)
    for number, score in enumerate(found.scores.tolist()):
        is_on_ground = bool(np.isfinite(positions[number]).all())
        yield {
            "score": round(score, _SCORE),
            "position": positions[number].tolist() if is_on_ground else None,
            "ground": ground[number].tolist(),
            "box": found.bboxes[number].round(_PIXELS).tolist(),
        }


def _read_cameras(
    cameras: Cameras | None,
) -> tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]:
    """Return SynLoc's keys of the camera of all frames, if there is one, and those by name."""
    if cameras is None:
        return None, {}
    if isinstance(cameras, Camera):
        return _described(cameras), {}
    if isinstance(cameras, Mapping):
        return None, {name: _described(camera) for name, camera in cameras.items()}
    path = Path(cameras)
    if not path.is_file():
        raise DatasetNotFoundError(f"cameras '{path}' do not exist; {HOW_TO_GIVE_CAMERAS}")
    content = read_json_object(path)
    if "images" in content:
        images = read_synloc_annotations(path).images
        return None, {Path(image["file_name"]).name: _parameters(image) for image in images}
    try:
        Camera.from_synloc(content)
    except DataFormatError as error:
        raise DataFormatError(f"{path} holds no camera: {error}; {HOW_TO_GIVE_CAMERAS}") from error
    return _parameters(content), {}


def _described(camera: Camera) -> dict[str, Any]:
    width, height = camera.image_size
    return camera.to_synloc() | {"width": width, "height": height}


def _parameters(image: Mapping[str, Any]) -> dict[str, Any]:
    return {key: image[key] for key in CAMERA_KEYS}
