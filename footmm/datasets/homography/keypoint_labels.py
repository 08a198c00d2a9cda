"""Which keypoints of the pitch an image shows, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from footmm.pitch.calibration import Calibration, calibrate_lines
from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE, Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.homography import fit_homography
from footmm.pitch.keypoints import KeypointSet
from footmm.pitch.line_keypoints import PRECISE, LineKeypoints, keypoints_from_lines

#: Of the camera of annotated lines. All but two of those of 294 frames of SoccerNet's 2022 test set
#: have more than 0.5; the lowest, 0.2, is wrong.
_MIN_CONFIDENCE = 0.3

#: Pixels between where a camera and the lines put a keypoint, from which on they contradict.
_MAX_DISAGREEMENT = 10.0

#: Columns and rows of pitch points at which an image through a lens is compared with plain ones.
_GRID = (53, 35)


@dataclass(frozen=True, eq=False)
class KeypointLabels:
    """The keypoints of an image, in pixels of 960 x 540.

    Attributes:
        xy: ``(K, 2)`` float32; NaN where the place is not known, or behind the camera.
        visible: ``(K, 2)`` float32, mmpose's pair of visibility and weight: (1, 1) in the image,
            (0, 1) known to be out of it, (0, 0) not known.
        homography: ``(3, 3)`` float64, ground (x, y, 1) in metres to pixels; None where it is not
            known. Where a lens bends the image, the one that explains the ground in view best.
    """

    xy: np.ndarray
    visible: np.ndarray
    homography: np.ndarray | None


def labels_from_lines(lines: Mapping[str, np.ndarray], keypoint_set: KeypointSet) -> KeypointLabels:
    """Construct the keypoints from annotated lines.

    Those that their lines do not determine precisely are placed by the camera that explains all
    lines, lens included, if there is one that can be trusted.

    Args:
        lines: Points ``(N, 2)``, pixels of 960 x 540, by clean line class.
        keypoint_set: The keypoints to find.
    """
    found = keypoints_from_lines(lines, SOCCERNET_IMAGE_SIZE, keypoint_set, max_uncertainty=PRECISE)
    calibration = calibrate_lines(lines, SOCCERNET_IMAGE_SIZE)
    xy, is_found = found.xy.astype(np.float32), found.constructed
    if not _is_trusted(calibration, found, keypoint_set):
        return KeypointLabels(xy, _pairs(found.visible, is_found), None)
    placed = _labels(calibration.camera, keypoint_set, calibration.homography)
    return KeypointLabels(
        np.where(is_found[:, None], xy, placed.xy),
        _pairs(np.where(is_found, found.visible, placed.visible[:, 0] > 0), True),
        placed.homography,
    )


def _is_trusted(calibration: Calibration, found: LineKeypoints, keypoint_set: KeypointSet) -> bool:
    """Whether a camera is sure, and explains most of the keypoints that the lines give directly.

    Lines with wrong names can give a camera that is sure of itself.
    """
    if calibration.camera is None or calibration.confidence < _MIN_CONFIDENCE:
        return False
    if not found.constructed.any():
        return True
    places = calibration.camera.project(keypoint_set.world()).numpy()
    agree = np.linalg.norm(places - found.xy, axis=1)[found.constructed] < _MAX_DISAGREEMENT
    return bool(agree.mean() > 0.5)


def _pairs(visible: np.ndarray, known: np.ndarray | bool) -> np.ndarray:
    """mmpose's pairs ``(K, 2)`` of visibility and weight."""
    return np.stack(np.broadcast_arrays(visible, known), axis=-1).astype(np.float32)


def labels_from_camera(parameters: dict[str, Any], keypoint_set: KeypointSet) -> KeypointLabels:
    """Project the keypoints by the exact camera of an image, so that all of them are known.

    Args:
        parameters: Content of a SoccerNet camera json.
        keypoint_set: The keypoints to find.

    Raises:
        DataFormatError: The camera lacks a parameter.
    """
    camera = Camera.from_soccernet(parameters)
    return _labels(camera, keypoint_set, _plain_homography(camera))


def _labels(camera: Camera, keypoint_set: KeypointSet, homography: np.ndarray) -> KeypointLabels:
    world = keypoint_set.world()
    xy = camera.project(world).numpy().astype(np.float32)
    return KeypointLabels(xy, _pairs(camera.visible(world).numpy(), True), homography)


def _plain_homography(camera: Camera) -> np.ndarray:
    if camera.lens is None:
        return camera.homography().numpy()
    ground = PitchDimensions().ground_grid(*_GRID)
    world = np.pad(ground, ((0, 0), (0, 1)))
    fit = fit_homography(ground, camera.project(world), camera.visible(world).double())
    return (fit.homography if fit.valid else camera.homography()).numpy()


class KeypointLabelStore:
    """Labels of all images of a dataset, made on first use and kept for all processes.

    They lie in shared memory: data-loading workers are started anew every epoch and would otherwise
    forget what they made.

    Args:
        num_images: Number of rows.
        num_keypoints: K.
    """

    def __init__(self, num_images: int, num_keypoints: int) -> None:
        self._points = torch.empty(num_images, num_keypoints, 4).share_memory_()
        self._homographies = torch.empty(num_images, 3, 3, dtype=torch.float64).share_memory_()
        self._made = torch.zeros(num_images, dtype=torch.bool).share_memory_()

    def __deepcopy__(self, memo: dict) -> KeypointLabelStore:
        """Return the store itself: rows stay those of the whole dataset in a part of it."""
        return self

    @property
    def num_made(self) -> int:
        """Number of images whose labels have been made."""
        return int(self._made.sum())

    def get(self, row: int, make: Callable[[], KeypointLabels]) -> KeypointLabels:
        """Return the labels of an image.

        Args:
            row: Its number.
            make: Makes them, where no process has done so yet.
        """
        if not self._made[row]:
            self._put(row, make())
        points, homography = self._points[row].numpy(), self._homographies[row].numpy()
        is_known = bool(np.isfinite(homography).all())
        return KeypointLabels(
            points[:, :2].copy(), points[:, 2:].copy(), homography.copy() if is_known else None
        )

    def _put(self, row: int, labels: KeypointLabels) -> None:
        self._points[row] = torch.from_numpy(np.concatenate([labels.xy, labels.visible], axis=1))
        homography = np.full((3, 3), np.nan) if labels.homography is None else labels.homography
        self._homographies[row] = torch.from_numpy(homography)
        # Last, so that no other process reads a row that is not complete.
        self._made[row] = True
