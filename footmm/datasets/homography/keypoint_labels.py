"""Which keypoints of the pitch an image shows, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE, Camera
from footmm.pitch.homography import apply_homography, fit_homography
from footmm.pitch.keypoints import ON_LINE, KeypointSet
from footmm.pitch.line_keypoints import KeypointSource, keypoints_from_lines

#: Pixels outside the image from which on a homography is trusted to say that a point is not seen,
#: also where it does not tell the point's place well.
_SAFE_MARGIN = 0.05 * SOCCERNET_IMAGE_SIZE[0]

#: Metres along and across the pitch, at which an image through a lens is compared with plain ones.
_GROUND_GRID = (
    torch.linspace(-52.5, 52.5, 53, dtype=torch.float64),
    torch.linspace(-34.0, 34.0, 35, dtype=torch.float64),
)


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

    Where the constructed ones determine a homography, it places the others of the ground, and tells
    which of those that it cannot place precisely are out of the image all the same. The upper ends
    of the goal posts are known by their lines only.

    Args:
        lines: Points ``(N, 2)``, pixels of 960 x 540, by clean line class.
        keypoint_set: The keypoints to find.
    """
    found = keypoints_from_lines(lines, SOCCERNET_IMAGE_SIZE, keypoint_set, complete=True)
    known = found.source != KeypointSource.NONE
    if found.homography is not None:
        known |= _is_surely_outside(found.homography, keypoint_set.world())
    visible = np.stack([found.visible, known], axis=-1).astype(np.float32)
    return KeypointLabels(found.xy.astype(np.float32), visible, found.homography)


def _is_surely_outside(homography: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Which keypoints ``(K, 3)`` of the ground are behind the camera or well out of the image."""
    places = apply_homography(homography, world[:, :2]).numpy()
    low, high = -_SAFE_MARGIN, np.array(SOCCERNET_IMAGE_SIZE) + _SAFE_MARGIN
    inside = ((places > low) & (places < high)).all(axis=1)
    return ~inside & (world[:, 2] < ON_LINE)


def labels_from_camera(parameters: dict[str, Any], keypoint_set: KeypointSet) -> KeypointLabels:
    """Project the keypoints by the exact camera of an image, so that all of them are known.

    Args:
        parameters: Content of a SoccerNet camera json.
        keypoint_set: The keypoints to find.

    Raises:
        DataFormatError: The camera lacks a parameter.
    """
    camera = Camera.from_soccernet(parameters)
    world = keypoint_set.world()
    visible = camera.visible(world).numpy()
    return KeypointLabels(
        camera.project(world).numpy().astype(np.float32),
        np.stack([visible, np.ones_like(visible)], axis=-1).astype(np.float32),
        _plain_homography(camera),
    )


def _plain_homography(camera: Camera) -> np.ndarray:
    if camera.lens is None:
        return camera.homography().numpy()
    ground = torch.cartesian_prod(*_GROUND_GRID)
    world = torch.nn.functional.pad(ground, (0, 1))
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
