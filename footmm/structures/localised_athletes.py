"""The athletes of an image: those that were found, and those that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmpose.structures import PoseDataSample

from footmm.pitch.camera import Camera
from footmm.structures.samples import as_array, predicted_arrays, required

PELVIS_GROUND = 1
"""Number of the keypoint that lies on the ground."""


@dataclass(frozen=True, eq=False)
class AthleteTruth:
    """The annotated athletes of an image; pixels are those of the annotated size.

    Attributes:
        positions: ``(G, 2)``, metres, world frame.
        areas: ``(G,)``, as annotated, square pixels.
        bboxes: ``(G, 4)``, left, top, right, bottom, pixels.
        keypoints: ``(G, 2, 2)``, pelvis and the ground below it, pixels.
        ids: ``(G,)``, of the annotations.
        crowd: ``(G,)``, whether an annotation stands for a crowd.
    """

    positions: np.ndarray
    areas: np.ndarray
    bboxes: np.ndarray
    keypoints: np.ndarray
    ids: np.ndarray
    crowd: np.ndarray

    @classmethod
    def from_sample(cls, sample: Mapping[str, Any] | PoseDataSample) -> AthleteTruth | None:
        """Read what ``PackSynLocInputs`` has packed; None where the image is not annotated.

        Raises:
            DataFormatError: The sample lacks a key.
        """
        positions = required(sample, "ground_truth_positions")
        if positions is None:
            return None
        return cls(
            as_array(positions).reshape(-1, 2),
            as_array(required(sample, "ground_truth_areas")),
            as_array(required(sample, "ground_truth_bboxes")).reshape(-1, 4),
            as_array(required(sample, "ground_truth_keypoints")).reshape(-1, 2, 2),
            np.asarray(required(sample, "ground_truth_ids"), dtype=np.int64),
            np.asarray(required(sample, "ground_truth_crowd"), dtype=bool),
        )


@dataclass(frozen=True, eq=False)
class LocalisedAthletes:
    """What was found in an image; pixels are those of the annotated size, not of the file.

    Attributes:
        image_id: Of the annotation file.
        image_path: The image file, which may have another size.
        camera: For the annotated size.
        bboxes: ``(D, 4)``, left, top, right, bottom, pixels.
        scores: ``(D,)``, 0 to 1, falling.
        keypoints: ``(D, 2, 2)``, pelvis and the ground below it, pixels.
        positions: ``(D, 2)``, metres, world frame; nan where a keypoint looks above the horizon.
        truth: The annotated athletes; None where the image is not annotated.
    """

    image_id: int
    image_path: str
    camera: Camera
    bboxes: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray
    positions: np.ndarray
    truth: AthleteTruth | None

    @classmethod
    def from_sample(cls, sample: Mapping[str, Any] | PoseDataSample) -> LocalisedAthletes:
        """Read the predictions of ``AthleteLocaliser``.

        Raises:
            DataFormatError: The sample lacks a key, or its arrays do not fit each other.
        """
        shapes = {"bboxes": (4,), "bbox_scores": (), "keypoints": (2, 2), "positions": (2,)}
        found = predicted_arrays(sample, shapes)
        return cls(
            int(required(sample, "img_id")),
            str(required(sample, "img_path")),
            Camera.from_synloc(required(sample, "camera")),
            found["bboxes"],
            found["bbox_scores"],
            found["keypoints"],
            found["positions"],
            AthleteTruth.from_sample(sample),
        )

    def positions_from_keypoint(self, index: int = PELVIS_GROUND) -> np.ndarray:
        """Return where a keypoint meets the ground, ``(D, 2)``, metres, world frame."""
        return self.camera.image_to_ground(self.keypoints[:, index]).numpy()

    def positions_from_boxes(self) -> np.ndarray:
        """Return where the boxes' bottom centres meet the ground, ``(D, 2)``, metres, world."""
        left, _, right, bottom = self.bboxes.T
        return self.camera.image_to_ground(np.stack([(left + right) / 2, bottom], axis=1)).numpy()
