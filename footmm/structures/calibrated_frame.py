"""What is known about the camera of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from mmpose.structures import PoseDataSample

from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE, Camera
from footmm.pitch.keypoints import KEYPOINT_SETS, KeypointSet


@dataclass(frozen=True, eq=False)
class CalibratedFrame:
    """The camera that was found for a frame, and what it was found from.

    Attributes:
        name: Of the frame: the image file's name, or the video's with the frame's number.
        image_size: Width and height of the frame, pixels; all pixels here are the frame's own.
        camera: One camera for an image of this size; None if there is none.
        homography: From the ground in metres to pixels, ``(3, 3)``; where a lens bends the image,
            the one that explains it best. None if there is none.
        confidence: Of the camera, 0 to 1.
        failure: Why there is no camera; None if there is one.
        keypoint_set: What the keypoints are.
        keypoints: ``(K, 2)``, pixels; nan for points that were not found.
        scores: Of the keypoints, ``(K,)``.
    """

    name: str
    image_size: tuple[int, int]
    camera: Camera | None
    homography: np.ndarray | None
    confidence: float
    failure: str | None
    keypoint_set: KeypointSet
    keypoints: np.ndarray
    scores: np.ndarray

    @classmethod
    def from_sample(cls, sample: PoseDataSample) -> CalibratedFrame:
        """Read the predictions of ``PitchKeypointEstimator``.

        Args:
            sample: With ``sample_id``, ``ori_shape`` and ``keypoint_set`` in its metainfo.

        Returns:
            The frame, named after ``sample_id``.
        """
        height, width = sample.ori_shape[:2]
        homography = sample.pred_homography
        found = sample.pred_instances
        return cls(
            name=str(sample.sample_id),
            image_size=(width, height),
            camera=camera_for_image(sample.pred_camera, (width, height)),
            homography=None if homography is None else np.asarray(homography, dtype=float),
            confidence=float(sample.pred_confidence),
            failure=sample.pred_failure,
            keypoint_set=KEYPOINT_SETS[sample.keypoint_set],
            keypoints=np.asarray(found.keypoints, dtype=float)[0],
            scores=np.asarray(found.keypoint_scores, dtype=float)[0],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the camera as plain values.

        Returns:
            ``camera`` (SoccerNet's format, for an image of 960 x 540), ``homography`` (nested
            list), ``confidence``, ``failure`` and ``image_size``.
        """
        return {
            "image_size": list(self.image_size),
            "camera": None
            if self.camera is None
            else self.camera.resized(*SOCCERNET_IMAGE_SIZE).to_soccernet(),
            "homography": None if self.homography is None else self.homography.tolist(),
            "confidence": self.confidence,
            "failure": self.failure,
        }


def camera_for_image(
    parameters: dict[str, Any] | None, image_size: tuple[int, int]
) -> Camera | None:
    """Read a SoccerNet camera, which is for 960 x 540, for an image of another size.

    Args:
        parameters: The parsed json, or None.
        image_size: Width and height in pixels.

    Returns:
        The camera; None for None.

    Raises:
        DataFormatError: A key is missing or holds something else than numbers.
    """
    return None if parameters is None else Camera.from_soccernet(parameters).resized(*image_size)
