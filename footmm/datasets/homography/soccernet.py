"""SoccerNet camera calibration (2022 and 2023; the layout is the same)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from footmm.datasets.base import IMAGE_SUFFIXES, ImageDataset, read_json_object
from footmm.datasets.homography.keypoint_labels import (
    KeypointLabels,
    KeypointLabelStore,
    labels_from_camera,
    labels_from_lines,
)
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE, Camera
from footmm.pitch.dimensions import clean_line_name
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import DATASETS

MAX_OUTSIDE = 0.05
"""How far outside the image an annotated point may lie, as a share of its width or height."""

#: Official names of markings that the annotators could not tell; of no use to a calibration.
_UNIDENTIFIED = ("Goal unknown", "Line unknown")

#: Shares of the image; no point of a line that is seen is annotated further away.
_FURTHEST = 1e6

_LAST_PIXEL = np.array(SOCCERNET_IMAGE_SIZE) - 1.0


@DATASETS.register_module()
class SoccerNetCalibrationDataset(ImageDataset):
    """SoccerNet's camera calibration frames in their official layout.

    .. code-block:: none

        data_root/
          <split>/NNNNN.jpg, NNNNN.json (none in the challenge split)
          cameras/<split>/camera_NNNNN.json (synthetic sets: the exact cameras)

    A json maps official line names to points, ``x`` and ``y`` as shares of width - 1, height - 1.
    All files are checked when the dataset is initialised, and one line of the log tells what was
    left out: unidentified markings, points more than :data:`MAX_OUTSIDE` beyond the image, images
    without annotation and annotations without image; in training also annotations that are broken
    or hold no lines. With ``test_mode=True`` a broken annotation is an error and one without lines
    is kept.

    A sample holds, before the pipeline, all in pixels of 960 x 540 whatever the file's own size:

    * ``img_path``, ``sample_id`` (the file's stem) and ``keypoint_set``;
    * ``keypoints`` ``(1, K, 2)`` float32, NaN where they are not known, and ``keypoints_visible``
      ``(1, K, 2)``, see :class:`footmm.datasets.homography.keypoint_labels.KeypointLabels`: from
      the exact camera where there is one, else constructed from the lines on first use;
    * ``lines``, clean line class -> ``(N, 2)`` float64;
    * for the metrics, left alone by all transforms: ``annotated_lines`` (the same lines),
      ``ground_truth_keypoints`` ``(K, 2)``, ``ground_truth_keypoints_visible`` ``(K, 2)``,
      ``ground_truth_homography`` ``(3, 3)`` float64 from the ground to pixels, or None (where a
      lens bends the image, the one that explains it best), and ``ground_truth_camera``, the
      camera's json or None.

    Source: https://github.com/SoccerNet/sn-calibration

    Args:
        data_root: The folder that holds ``train``, ``valid``, ``test`` and ``challenge``.
        split: 'train', 'valid', 'test' or 'challenge'.
        keypoint_set: One of :data:`footmm.pitch.keypoints.KEYPOINT_SETS`.
        pipeline: Transforms, or their configs.
        test_mode: Whether the samples are evaluated, not trained on.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: There is no such split or keypoint set.
        DatasetNotFoundError: The images are not there.
        DataFormatError: A line class has an unknown name, or no image can be used; with
            ``test_mode=True`` also: an annotation is broken.
    """

    METAINFO: dict = {
        "task": "homography",
        "data_source": "SoccerNet-Calibration",
        "synthetic": False,
    }
    SPLITS = ("train", "valid", "test", "challenge")

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        split: str = "train",
        keypoint_set: str = "kp29",
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        if keypoint_set not in KEYPOINT_SETS:
            raise ConfigError(
                f"{type(self).__name__}(keypoint_set='{keypoint_set}'): the sets are "
                f"{', '.join(KEYPOINT_SETS)}"
            )
        self._keypoint_set = KEYPOINT_SETS[keypoint_set]
        super().__init__(
            data_root=data_root, split=split, pipeline=pipeline, test_mode=test_mode, **kwargs
        )
        # BaseDataset would take a string among its arguments for the name of a file.
        self._metainfo["keypoint_set"] = keypoint_set

    def load_data_list(self) -> list[dict]:
        """Return the samples of the split by file name."""
        problems = _Problems()
        images = self._images()
        annotations = _files_by_stem(Path(self.data_root) / self.split, (".json",))
        # The official folders hold other json files as well, such as match_info_cam_gt.json.
        for stem in sorted(annotations.keys() - images.keys()):
            if stem.isdecimal():
                problems.add("annotations without image", annotations[stem])
        cameras = _files_by_stem(Path(self.data_root) / "cameras" / self.split, (".json",))
        samples = []
        for stem, image in images.items():
            camera = cameras.get(f"camera_{stem}")
            sample = self._read_sample(image, annotations.get(stem), camera, problems)
            if sample is not None:
                samples.append(sample | {"row": len(samples)})
        self._report(len(samples), len(images), problems)
        self._labels = KeypointLabelStore(len(samples), len(self._keypoint_set))
        return samples

    def get_data_info(self, idx: int) -> dict:
        """Return a sample as the pipeline gets it; see the class."""
        info = super().get_data_info(idx)
        labels = self._labels.get(info.pop("row"), lambda: self._make_labels(info))
        return info | {
            "keypoint_set": self._keypoint_set.name,
            "keypoints": labels.xy[None],
            "keypoints_visible": labels.visible[None],
            "lines": info["annotated_lines"],
            "ground_truth_keypoints": labels.xy,
            "ground_truth_keypoints_visible": labels.visible,
            "ground_truth_homography": labels.homography,
        }

    def _make_labels(self, info: dict) -> KeypointLabels:
        if info["ground_truth_camera"] is not None:
            return labels_from_camera(info["ground_truth_camera"], self._keypoint_set)
        return labels_from_lines(info["annotated_lines"], self._keypoint_set)

    def _candidates(self, idx: int) -> Iterator[int]:
        """Yield ``idx``, then other images in random order."""
        yield idx
        yield from np.random.permutation(len(self))[: self.max_refetch].tolist()

    def _images(self) -> dict[str, Path]:
        folder = Path(self.data_root) / self.split
        images = _files_by_stem(folder, IMAGE_SUFFIXES)
        if images:
            return images
        archive = Path(self.data_root) / f"{self.split}.zip"
        if archive.is_file():
            raise DatasetNotFoundError(f"{folder} has no images: unzip {archive} there")
        problem = "holds no images" if folder.is_dir() else "does not exist"
        raise DatasetNotFoundError(
            f"{folder} {problem}. SoccerNet-Calibration is free for research: "
            "'tools/data/download.py homography' fetches it into data/soccernet/calibration-2023 "
            "(docs/data.md); set data_root to that folder"
        )

    def _read_sample(
        self, image: Path, annotation: Path | None, camera: Path | None, problems: _Problems
    ) -> dict | None:
        """Return the sample of an image, None where it is of no use; tell ``problems`` of it."""
        if annotation is None and self.split != "challenge":
            problems.add("images without annotation", image)
            return None
        try:
            annotated = {} if annotation is None else _read_points(annotation)
            parameters = None if camera is None else _read_camera(camera)
        except DataFormatError as error:
            if self.test_mode:
                raise
            problems.add("images with a broken annotation", error)
            return None
        lines = {}
        for name, points in annotated.items():
            with _naming(annotation):
                near = _usable_points(name, points, f"{name!r} in {annotation}", problems)
            if len(near):
                lines[clean_line_name(name)] = near * _LAST_PIXEL
        if not lines and not self.test_mode:
            problems.add("images without annotated lines", image)
            return None
        return {
            "img_path": str(image),
            "sample_id": image.stem,
            "annotated_lines": lines,
            "ground_truth_camera": parameters,
        }

    def _report(self, num_used: int, num_images: int, problems: _Problems) -> None:
        message = f"{type(self).__name__}(split='{self.split}'): {num_used} of {num_images} images"
        if problems:
            message += f"; left out: {problems}"
        if not num_used:
            raise DataFormatError(
                f"{message}. Nothing can be used of {Path(self.data_root) / self.split}: add the "
                "annotations (the Downloader has those of 'test' and 'challenge' as 'test_labels' "
                "and 'challenge_labels', for whom SoccerNet gives access)"
            )
        level = logging.WARNING if problems else logging.INFO
        print_log(message, logger="current", level=level)


class _Problems:
    """Counts what is left out, by kind, and keeps the first case of each."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def add(self, kind: str, case: object, count: int = 1) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + count
        self._first.setdefault(kind, str(case))

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __str__(self) -> str:
        return "; ".join(
            f"{count} {kind} (first: {self._first[kind]})" for kind, count in self._counts.items()
        )


def _files_by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of a folder that have such suffixes, by stem, in the order of names."""
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    return {
        os.path.splitext(name)[0]: folder / name
        for name in names
        if name.lower().endswith(suffixes) and not name.startswith(".")
    }


def _read_points(file: Path) -> dict[str, np.ndarray]:
    """Return the points ``(N, 2)`` of an annotation, as shares, by the names in the file.

    Raises:
        DataFormatError: The file is no such annotation.
    """
    return {name: _points(points, file, name) for name, points in read_json_object(file).items()}


def lines_in_pixels(annotation: Mapping[str, Any], place: str) -> dict[str, np.ndarray]:
    """Read the content of an annotation, for those who have no folder of them.

    Args:
        annotation: Official line name to points, as in ``NNNNN.json``.
        place: Where it comes from, for errors.

    Returns:
        Points ``(N, 2)``, pixels of 960 x 540, by clean line class; without unidentified markings
        and lines without points.

    Raises:
        DataFormatError: A line class has an unknown name, or its points are no such list.
    """
    lines = {}
    for name, values in annotation.items():
        points = _points(values, place, name)
        if name in _UNIDENTIFIED or not len(points):
            continue
        with _naming(place):
            lines[clean_line_name(name)] = points * _LAST_PIXEL
    return lines


def _points(values: Any, file: Path | str, name: str) -> np.ndarray:
    try:
        points = np.array([(point["x"], point["y"]) for point in values]).reshape(len(values), 2)
    except (TypeError, KeyError, IndexError, ValueError):
        points = None
    if points is None or points.dtype.kind not in "iuf" or not (np.abs(points) < _FURTHEST).all():
        raise DataFormatError(
            f"{file}: {name!r} is {str(values)[:80]}, not a list of points {{'x': number, 'y': "
            "number}; download the annotations again"
        )
    return points


def _read_camera(file: Path) -> dict[str, Any]:
    """Return the content of a camera's json.

    Raises:
        DataFormatError: It describes no camera.
    """
    parameters = read_json_object(file)
    with _naming(file):
        Camera.from_soccernet(parameters)
    return parameters


def _usable_points(name: str, points: np.ndarray, place: str, problems: _Problems) -> np.ndarray:
    """Return those points of a line, ``(N, 2)`` as shares, that a calibration can use.

    Raises:
        DataFormatError: No line class has this name.
    """
    if name in _UNIDENTIFIED:
        problems.add("unidentified markings", place)
        return points[:0]
    clean_line_name(name)
    is_far = (np.maximum(-points, points - 1) > MAX_OUTSIDE).any(axis=1)
    if is_far.any():
        kind = f"points more than {100 * MAX_OUTSIDE:g} % outside the image"
        problems.add(kind, place, int(is_far.sum()))
    return points[~is_far]


@contextmanager
def _naming(file: Path | str) -> Iterator[None]:
    """Add the file to errors about its content."""
    try:
        yield
    except DataFormatError as error:
        raise DataFormatError(f"{file}: {error}") from error
