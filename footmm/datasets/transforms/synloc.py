"""Transforms of frames with athletes, which move the cameras with the image.

``LoadSynLocImage`` brings the labels from the size of the annotations to that of the image file.
From there on every geometric transform moves ``bbox``, ``keypoints`` and ``area``, and says how in
``image_homographies`` ``(M, 3, 3)`` float64: the map from pixels of the annotated size to pixels of
the present image, one for each of ``cameras``. A camera is moved by ``Camera.warped``. There is one
camera, or after a mosaic one for each of its parts; ``camera_index`` ``(N,)`` tells which one sees
an athlete. Pixel centres are at integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform, to_tensor
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import Mosaic
from mmpose.structures import PoseDataSample

from footmm.datasets.transforms.common import (
    LoadImageFromFile,
    mirror_image,
    resize_image,
    warp_image,
)
from footmm.errors import DataFormatError
from footmm.pitch.frames import pixel_scaling
from footmm.registry import TRANSFORMS

PADDING = (114, 114, 114)
"""Colour outside of the image, YOLOX's."""

ATHLETE_KEYS = (
    "bbox",
    "keypoints",
    "keypoints_visible",
    "positions",
    "area",
    "camera_index",
)
"""Labels with an entry for each athlete."""

_MAX_ASPECT_ERROR = 1.0
"""By how many pixels an image file's height may differ from what its width leads to expect."""


@TRANSFORMS.register_module()
class LoadSynLocImage(LoadImageFromFile):
    """Reads the image and scales the labels from the annotated size to the image's.

    Required Keys: ``img_path``, ``camera``; with labels: ``bbox``, ``keypoints``, ``area``.

    Added and Modified Keys: ``img``, ``img_shape``, ``ori_shape``, ``cameras``, ``camera_index``,
    ``image_homographies``, ``bbox``, ``keypoints``, ``area``.
    """

    def transform(self, results: dict) -> dict | None:
        """Read the image.

        Raises:
            UnreadableImageError: The file cannot be read or decoded.
            DataFormatError: It has another shape than the annotated size.
        """
        return scale_to_image(super().transform(results))


class _SizedTransform(BaseTransform):
    """A transform to an image of a given size.

    Args:
        size: Width and height of the result, pixels.
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.size = (int(size[0]), int(size[1]))

    def _warp(self, results: dict, matrix: np.ndarray) -> dict:
        results["img"] = warp_image(results["img"], matrix, self.size, PADDING)
        return move(results, matrix, self.size)


@TRANSFORMS.register_module()
class SynLocResize(_SizedTransform):
    """Resizes the image as a whole, its proportions kept, and pads it right and below.

    Required Keys: ``img``, ``image_homographies``; with labels: :data:`ATHLETE_KEYS`.

    Modified Keys: ``img``, ``img_shape``, ``image_homographies``, ``bbox``, ``keypoints``,
    ``area``.
    """

    def transform(self, results: dict) -> dict:
        """Resize and pad the image."""
        image, matrix = resize_to_fit(results["img"], self.size)
        height, width = image.shape[:2]
        right, below = self.size[0] - width, self.size[1] - height
        results["img"] = cv2.copyMakeBorder(
            image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=PADDING
        )
        return move(results, matrix, self.size)


@TRANSFORMS.register_module()
class SynLocRandomAffine(_SizedTransform):
    """Cuts an image of a given size out of the present one: zoomed, turned and shifted.

    Required and Modified Keys: as :class:`SynLocResize`.

    Args:
        size: Width and height of the result, pixels.
        scale: Smallest and largest zoom; at 1 a pixel stays a pixel.
        rotation: Largest angle, degrees.
        shift: How far the middle of the present image lies from that of the result at most, as a
            share of the result's sides.
    """

    def __init__(
        self,
        size: Sequence[int],
        scale: tuple[float, float] = (0.75, 1.0),
        rotation: float = 10.0,
        shift: float = 0.1,
    ) -> None:
        super().__init__(size)
        self.scale = scale
        self.rotation = rotation
        self.shift = shift

    def transform(self, results: dict) -> dict:
        """Warp the image."""
        zoom = np.random.uniform(*self.scale)
        angle = np.deg2rad(np.random.uniform(-self.rotation, self.rotation))
        shift = np.random.uniform(-self.shift, self.shift, 2)
        middle = (np.array(results["img"].shape[1::-1]) - 1) / 2
        target = (np.array(self.size) - 1) / 2 + shift * self.size
        return self._warp(results, similarity(zoom, angle, middle, target))


@TRANSFORMS.register_module()
class SynLocRandomTile(_SizedTransform):
    """Cuts a tile out of the image at its full resolution, most often one with athletes.

    Small athletes in large frames are learned at the size they have, from a fraction of the pixels.

    Required and Modified Keys: as :class:`SynLocResize`.

    Args:
        size: Width and height of the tile, pixels.
        scale: Smallest and largest zoom; at 1 a pixel stays a pixel.
        rotation: Largest angle, degrees.
        athlete_prob: How often the tile is laid over an athlete; otherwise anywhere.
    """

    def __init__(
        self,
        size: Sequence[int],
        scale: tuple[float, float] = (1.0, 1.0),
        rotation: float = 0.0,
        athlete_prob: float = 0.8,
    ) -> None:
        super().__init__(size)
        self.scale = scale
        self.rotation = rotation
        self.athlete_prob = athlete_prob

    def transform(self, results: dict) -> dict:
        """Cut out a tile."""
        zoom = np.random.uniform(*self.scale)
        angle = np.deg2rad(np.random.uniform(-self.rotation, self.rotation))
        middle = self._middle(results, np.array(self.size) / zoom)
        target = (np.array(self.size) - 1) / 2
        return self._warp(results, similarity(zoom, angle, middle, target))

    def _middle(self, results: dict, extent: np.ndarray) -> np.ndarray:
        """Draw the middle of a tile of an extent in the present image, mostly inside of it."""
        sides = np.array(results["img"].shape[1::-1], float)
        low, high = np.minimum(extent, sides) / 2, sides - np.minimum(extent, sides) / 2
        boxes = results["bbox"]
        if not len(boxes) or np.random.rand() >= self.athlete_prob:
            return np.random.uniform(low, high)
        box = boxes[np.random.randint(len(boxes))]
        center = (box[:2] + box[2:]) / 2 + np.random.uniform(-0.4, 0.4, 2) * extent
        return np.clip(center, low, high)


@TRANSFORMS.register_module()
class SynLocRandomFlip(BaseTransform):
    """Mirrors the image; the pelvis stays the pelvis.

    Required and Modified Keys: as :class:`SynLocResize`.

    Args:
        prob: How often the image is mirrored.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Mirror the image, or leave it."""
        if np.random.rand() >= self.prob:
            return results
        results["img"], mirror = mirror_image(results["img"])
        return move(results, mirror, results["img"].shape[1::-1])


@TRANSFORMS.register_module()
class SynLocMosaic(Mosaic):
    """Puts four images together into one of twice the size, and their cameras into a list.

    Required Keys: ``dataset`` and those of :class:`SynLocResize`, with labels.

    Modified Keys: as :class:`SynLocResize`, and ``cameras``, ``camera_index``.

    Args:
        size: Width and height that each image is made to fit, pixels; the result has twice these.
        prob: How often a mosaic is made; otherwise the image is left as it is.
    """

    def __init__(self, size: Sequence[int], prob: float = 1.0) -> None:
        # Mosaic builds what it is given by mmpose's registry; the images are read with footmm's.
        super().__init__(
            img_scale=(int(size[0]), int(size[1])),
            pre_transform=[LoadSynLocImage()],
            prob=prob,
        )

    def apply_mix(self, results: dict) -> dict:
        """Make the mosaic of the image and ``mixed_data_list``."""
        places = ("top_left", "top_right", "bottom_left", "bottom_right")
        size = (2 * self.img_scale[0], 2 * self.img_scale[1])
        center = tuple(np.random.uniform(*self.center_range, 2) * self.img_scale)
        canvas = np.full((*size[::-1], 3), PADDING, np.uint8)
        parts = [results, *results["mixed_data_list"]]
        for number, (place, part) in enumerate(zip(places, parts, strict=True)):
            self._paste(canvas, part, place, (int(center[0]), int(center[1])))
            part["camera_index"] += number
        results["img"], results["img_shape"] = canvas, size[::-1]
        for key in (*ATHLETE_KEYS, "image_homographies"):
            results[key] = np.concatenate([part[key] for part in parts])
        results["cameras"] = [camera for part in parts for camera in part["cameras"]]
        return results

    def _paste(self, canvas: np.ndarray, part: dict, place: str, center: tuple[int, int]) -> None:
        """Write an image into its quarter, move its labels there and drop those cut off."""
        image, matrix = resize_to_fit(part["img"], self.img_scale)
        to, source = self._mosaic_combine(place, center, image.shape[1::-1])
        canvas[to[1] : to[3], to[0] : to[2]] = image[source[1] : source[3], source[0] : source[2]]
        offset = np.eye(3)
        offset[:2, 2] = to[0] - source[0], to[1] - source[1]
        move(part, offset @ matrix, canvas.shape[1::-1])
        clip_athletes(part, np.array(to[:2]) - 0.5, np.array(to[2:]) - 0.5)


@TRANSFORMS.register_module()
class SynLocFilterAthletes(BaseTransform):
    """Clips the boxes to the image and drops the athletes of whom too little is left.

    An athlete whose feet are outside cannot be put on the pitch; it is dropped as well.

    Required and Modified Keys: :data:`ATHLETE_KEYS`.

    Args:
        min_size: Smallest width and height of a clipped box, pixels.
        min_share: Smallest share of a box's area that is inside.
    """

    def __init__(self, min_size: float = 2.0, min_share: float = 0.3) -> None:
        self.min_size = min_size
        self.min_share = min_share

    def transform(self, results: dict) -> dict:
        """Filter the athletes."""
        height, width = results["img"].shape[:2]
        low, high = np.array([-0.5, -0.5]), np.array([width, height]) - 0.5
        clip_athletes(results, low, high, self.min_size, self.min_share)
        return results


@TRANSFORMS.register_module()
class PackSynLocInputs(BaseTransform):
    """Packs an image and its labels.

    The result is ``inputs``, uint8 ``(3, H, W)``, BGR, and ``data_samples``, mmpose's
    ``PoseDataSample`` with

    * metainfo: :attr:`META_KEYS`, and ``image_homography`` ``(3, 3)``, that of the first camera;
    * ``gt_instance_labels``, where there are labels: ``bboxes`` ``(N, 4)``, ``keypoints``
      ``(N, 2, 2)``, pixels of the input, ``keypoints_visible`` ``(N, 2)``, ``areas`` ``(N,)``,
      float32, and ``labels`` ``(N,)``, zeros: all are athletes.
    """

    META_KEYS = (
        "img_id",
        "img_path",
        "ori_shape",
        "img_shape",
        "camera",
        "cameras",
        "image_homographies",
        "ground_truth_positions",
        "ground_truth_bboxes",
        "ground_truth_keypoints",
        "ground_truth_areas",
        "ground_truth_ids",
        "ground_truth_crowd",
    )

    def transform(self, results: dict) -> dict[str, Any]:
        """Return ``inputs`` and ``data_samples``."""
        image = np.ascontiguousarray(results["img"].transpose(2, 0, 1))
        sample = PoseDataSample(metainfo={key: results[key] for key in self.META_KEYS})
        sample.set_metainfo(
            {
                "image_homography": results["image_homographies"][0],
                # What mmpose's preprocessor and heads read.
                "input_size": results["img_shape"][::-1],
                "pad_shape": results["img_shape"],
            }
        )
        if "bbox" in results:
            sample.gt_instance_labels = InstanceData(
                bboxes=to_tensor(results["bbox"]),
                keypoints=to_tensor(results["keypoints"]),
                keypoints_visible=to_tensor(results["keypoints_visible"]),
                areas=to_tensor(results["area"]),
                labels=to_tensor(np.zeros(len(results["bbox"]), np.int64)),
            )
        return {"inputs": to_tensor(image), "data_samples": sample}


def scale_to_image(results: dict) -> dict:
    """Bring a sample from the annotated size to that of its image.

    Args:
        results: As :class:`LoadSynLocImage` has read them; changed in place.

    Returns:
        ``results``.

    Raises:
        DataFormatError: The image has another shape than the annotated size.
    """
    annotated = (results["camera"]["width"], results["camera"]["height"])
    size = results["img"].shape[1::-1]
    if abs(size[0] * annotated[1] / annotated[0] - size[1]) > _MAX_ASPECT_ERROR:
        raise DataFormatError(
            f"{results['img_path']} is {size[0]} x {size[1]}, but annotated for "
            f"{annotated[0]} x {annotated[1]}, which is another shape: it is no scaled copy of "
            "the annotated image (cropped? of another camera?)"
        )
    results["cameras"] = [results["camera"]]
    results["image_homographies"] = np.eye(3)[None]
    if "bbox" in results:
        results["camera_index"] = np.zeros(len(results["bbox"]), np.int64)
    return move(results, pixel_scaling(annotated, size), size)


def resize_to_fit(image: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image to the largest of its shape that fits into a size (width, height).

    Args:
        image: ``(H, W, 3)`` uint8.
        size: Width and height, pixels.

    Returns:
        The new image, and the map ``(3, 3)`` from old to new pixels.
    """
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    new_size = (round(width * scale), round(height * scale))
    return resize_image(image, new_size), pixel_scaling((width, height), new_size)


def similarity(zoom: float, angle: float, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the map ``(3, 3)`` that zooms, turns, and brings a point to another.

    Args:
        zoom: Factor.
        angle: Radians.
        source: ``(2,)``, pixels.
        target: ``(2,)``, pixels, where the source comes to lie.
    """
    matrix = np.eye(3)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    matrix[:2, :2] = [[cos, -sin], [sin, cos]]
    matrix[:2, 2] = target - matrix[:2, :2] @ source
    return matrix


def move(results: dict, matrix: np.ndarray, size: tuple[int, int]) -> dict:
    """Move labels and cameras by an affine map of the image to a new one of a size.

    Args:
        results: Changed in place.
        matrix: ``(3, 3)``, from old to new pixels.
        size: Width and height of the new image.

    Returns:
        ``results``.
    """
    results["img_shape"] = size[::-1]
    results["image_homographies"] = matrix @ results["image_homographies"]
    if "bbox" not in results:
        return results
    left, top, right, bottom = results["bbox"].T
    corners = np.stack([left, top, right, top, right, bottom, left, bottom], axis=1)
    moved = _apply(matrix, corners.reshape(-1, 4, 2))
    results["bbox"] = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
    results["keypoints"] = _apply(matrix, results["keypoints"])
    results["area"] = results["area"] * np.float32(abs(np.linalg.det(matrix[:2, :2])))
    return results


def clip_athletes(
    results: dict,
    low: np.ndarray,
    high: np.ndarray,
    min_size: float = 0.0,
    min_share: float = 0.0,
) -> None:
    """Clip the boxes to a window and drop the athletes who stand outside of it.

    Args:
        results: Changed in place.
        low: ``(2,)``, left and top of the window, pixels.
        high: ``(2,)``, right and bottom.
        min_size: Smallest width and height of a clipped box, pixels.
        min_share: Smallest share of a box's area that is inside.
    """
    boxes, keypoints = results["bbox"], results["keypoints"]
    clipped = np.clip(boxes, np.tile(low, 2), np.tile(high, 2)).astype(np.float32)
    sides, full_sides = clipped[:, 2:] - clipped[:, :2], boxes[:, 2:] - boxes[:, :2]
    inside = ((keypoints >= low) & (keypoints <= high)).all(axis=-1)
    kept = inside[:, 1] & (sides > min_size).all(axis=1)
    kept &= sides.prod(axis=1) > min_share * full_sides.prod(axis=1)
    results["bbox"] = clipped
    results["keypoints_visible"] = results["keypoints_visible"] * inside
    for key in ATHLETE_KEYS:
        results[key] = results[key][kept]


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return (points @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)
