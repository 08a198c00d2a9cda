"""Geometric transforms of frames of the pitch, and packing.

The datasets give keypoints and lines in pixels of 960 x 540, the size of the annotations. The first
geometric transform of a pipeline, or else packing, scales them to the image file's own size, by
((W - 1) / 959, (H - 1) / 539), since annotations are shares of (W - 1, H - 1). From there on they
move with the image, and ``image_homography`` ``(3, 3)`` float64 tells how: it maps pixels of the
image file to pixels of the present image. Pixel centres are at integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import PackPoseInputs

from footmm.datasets.transforms.common import mirror_image, resize_image, warp_image
from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE
from footmm.pitch.dimensions import LEFT_RIGHT_MIRROR
from footmm.pitch.frames import pixel_scaling
from footmm.pitch.homography import apply_homography
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import TRANSFORMS

#: BGR of what a warp brings in from outside the image: the mean of ImageNet, zero to the network.
_PADDING = (104, 116, 124)


@TRANSFORMS.register_module()
class PitchRandomFlip(BaseTransform):
    """Mirrors the image, and with it the pitch: left becomes right.

    The keypoint on the other side takes a keypoint's place, and lines change names, goal posts
    included, which are left or right as seen from the pitch. The determinant of
    ``image_homography`` is negative afterwards: a homography H of the file's pitch becomes
    ``image_homography @ H @ diag(-1, 1, 1)``.

    Required Keys: ``img``; with labels: ``keypoint_set``, ``keypoints`` ``(1, K, 2)``,
    ``keypoints_visible`` ``(1, K, 2)``, ``lines``.

    Modified Keys: ``img``, ``keypoints``, ``keypoints_visible``, ``lines``, ``image_homography``.

    Args:
        prob: How often the image is mirrored.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Mirror the image, or leave it."""
        if np.random.rand() >= self.prob:
            return results
        _scale_to_file(results)
        results["img"], mirror = mirror_image(results["img"])
        _move(results, mirror, results["img"].shape[1::-1])
        if "keypoints" in results:
            swapped = list(KEYPOINT_SETS[results["keypoint_set"]].flip_indices)
            for key in ("keypoints", "keypoints_visible"):
                results[key] = results[key][:, swapped]
            lines = results["lines"]
            results["lines"] = {LEFT_RIGHT_MIRROR[name]: lines[name] for name in lines}
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(prob={self.prob})"


@TRANSFORMS.register_module()
class PitchResize(BaseTransform):
    """Resizes the image as :func:`cv2.resize` does: ``u' = (u + 0.5) * scale - 0.5``.

    Required Keys: ``img``; with labels: ``keypoints`` ``(1, K, 2)``, ``keypoints_visible``
    ``(1, K, 2)``, ``lines``.

    Modified Keys: ``img``, ``img_shape``, ``keypoints``, ``keypoints_visible``, ``lines``,
    ``image_homography``.

    Args:
        size: Width and height of the result, pixels.
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.size = (int(size[0]), int(size[1]))

    def transform(self, results: dict) -> dict:
        """Resize the image."""
        _scale_to_file(results)
        old_size = results["img"].shape[1::-1]
        results["img"] = resize_image(results["img"], self.size)
        _move(results, pixel_scaling(old_size, self.size), self.size)
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


@TRANSFORMS.register_module()
class PitchRandomWarp(PitchResize):
    """Resizes the image, seen by another camera: zoomed, shifted, turned and tilted, in one warp.

    A keypoint that leaves the image is not visible any more; one that was out of the original image
    stays so, also where the warp brings its place into the padding. Points of lines outside the new
    image are kept, those behind the new camera are dropped.

    Required and Modified Keys: as :class:`PitchResize`.

    Args:
        size: Width and height of the result, pixels.
        scale: Smallest and largest zoom, 1 keeps the whole image.
        shift: How far the image moves at most, as a share of its sides; a part of the image that is
            zoomed in on may lie anywhere in it besides.
        perspective: How far each corner moves at most by itself, as a share of the sides; less
            than 0.5.
        rotation: Largest angle, degrees.
        prob: How often the image is warped; otherwise it is resized.
    """

    def __init__(
        self,
        size: Sequence[int],
        scale: tuple[float, float] = (0.7, 1.6),
        shift: float = 0.1,
        perspective: float = 0.05,
        rotation: float = 3.0,
        prob: float = 1.0,
    ) -> None:
        super().__init__(size)
        self.scale = scale
        self.shift = shift
        self.perspective = perspective
        self.rotation = rotation
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Warp the image, or resize it."""
        if np.random.rand() >= self.prob:
            return super().transform(results)
        _scale_to_file(results)
        image = results["img"]
        matrix = self._random_warp() @ pixel_scaling(image.shape[1::-1], self.size)
        results["img"] = warp_image(image, matrix, self.size, _PADDING)
        _move(results, matrix, self.size)
        return results

    def _random_warp(self) -> np.ndarray:
        """Draw the way from the resized image to the warped one, ``(3, 3)``."""
        sides = np.array(self.size, dtype=np.float64)
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (sides - 1)
        moved = corners + np.random.uniform(-self.perspective, self.perspective, (4, 2)) * sides
        tilt = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
        zoom = np.exp(np.random.uniform(*np.log(self.scale)))
        angle = np.deg2rad(np.random.uniform(-self.rotation, self.rotation))
        freedom = self.shift + max(0.0, (zoom - 1) / 2)
        center = (sides - 1) / 2
        target = center + np.random.uniform(-freedom, freedom, 2) * sides
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        similarity = np.eye(3)
        similarity[:2, :2], similarity[:2, 2] = turn, target - turn @ center
        return similarity @ tilt

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, scale={self.scale}, shift={self.shift}, "
            f"perspective={self.perspective}, rotation={self.rotation}, prob={self.prob})"
        )


@TRANSFORMS.register_module()
class PackPitchInputs(PackPoseInputs):
    """Packs an image and its labels.

    Required Keys: ``img``; all others are packed where they are present.

    The result is ``inputs``, uint8 ``(3, H, W)``, BGR, and ``data_samples``, mmpose's
    ``PoseDataSample`` with

    * metainfo: :attr:`META_KEYS`;
    * ``gt_instances``: ``keypoints`` ``(1, K, 2)``, pixels of the input, ``keypoints_visible``
      ``(1, K)``;
    * what :class:`footmm.codecs.PitchHeatmap` encoded, if it did: ``gt_fields.heatmaps`` and
      ``line_heatmaps``, ``gt_instance_labels.keypoint_weights`` and ``line_weights``.
    """

    META_KEYS = (
        "img_path",
        "sample_id",
        "keypoint_set",
        "ori_shape",
        "img_shape",
        "image_homography",
        "annotated_lines",
        "ground_truth_homography",
        "ground_truth_camera",
        "ground_truth_keypoints",
        "ground_truth_keypoints_visible",
    )

    def __init__(self) -> None:
        super().__init__(meta_keys=self.META_KEYS)

    def transform(self, results: dict) -> dict:
        """Return ``inputs`` and ``data_samples``."""
        _scale_to_file(results)
        visible = results.get("keypoints_visible")
        if visible is not None and visible.ndim == 3:
            results["keypoints_visible"] = visible[..., 0]
        return super().transform(results)


def _scale_to_file(results: dict) -> None:
    """Bring the labels from 960 x 540 to the image file's own pixels, if that is still to do."""
    if "image_homography" in results:
        return
    results["image_homography"] = np.eye(3)
    if "keypoints" not in results:
        return
    size = np.array(results["img"].shape[1::-1])
    scale = (size - 1) / (np.array(SOCCERNET_IMAGE_SIZE) - 1)
    results["keypoints"] = (results["keypoints"] * scale).astype(np.float32)
    results["lines"] = {name: points * scale for name, points in results["lines"].items()}


def _move(results: dict, matrix: np.ndarray, size: tuple[int, int]) -> None:
    """Move the labels by a map ``(3, 3)`` of the image to a new one of a size (width, height)."""
    results["image_homography"] = matrix @ results["image_homography"]
    results["img_shape"] = size[::-1]
    if "keypoints" not in results:
        return
    keypoints, lines = results["keypoints"], results["lines"]
    points = np.concatenate([keypoints[0], *lines.values()])
    moved = apply_homography(matrix, points).numpy()
    ends = np.cumsum([keypoints.shape[1], *map(len, lines.values())])
    places, *parts = np.split(moved, ends[:-1])
    in_front = {
        name: part[np.isfinite(part).all(axis=1)] for name, part in zip(lines, parts, strict=True)
    }
    results["lines"] = {name: part for name, part in in_front.items() if len(part)}
    results["keypoints"] = places[None].astype(np.float32)
    inside = ((places >= -0.5) & (places <= np.array(size) - 0.5)).all(axis=1)
    visible = results["keypoints_visible"].copy()
    visible[..., 0] *= inside
    results["keypoints_visible"] = visible
