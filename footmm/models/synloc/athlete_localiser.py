"""The model of the synloc task: from a frame to athletes and their places on the pitch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators import BottomupPoseEstimator
from mmpose.structures import PoseDataSample
from torch import Tensor

from footmm.models.common.pretrained import PretrainedMixin
from footmm.models.synloc.suppression import ground_nms
from footmm.pitch.camera import Camera
from footmm.registry import MODELS
from footmm.structures.localised_athletes import PELVIS_GROUND


@MODELS.register_module()
class AthleteLocaliser(PretrainedMixin, BottomupPoseEstimator):
    """Finds the athletes in frames of calibrated cameras and puts them on the pitch.

    Takes the arguments of mmpose's ``BottomupPoseEstimator``. ``test_cfg`` holds those of the
    head's ``predict`` and ``ground_nms_radius``: of detections that are nearer to each other on
    the pitch, metres, only the best is kept; None or 0 keeps all.
    """

    def predict(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample]
    ) -> list[PoseDataSample]:
        """Find the athletes of each frame.

        Args:
            inputs: Normalised images, ``(N, 3, H, W)``.
            data_samples: N data samples with ``camera`` and ``image_homography``, see
                ``PackSynLocInputs``.

        Returns:
            The data samples with ``pred_instances``, best first, in pixels of the annotated size:
            ``bboxes`` ``(D, 4)``, ``bbox_scores`` ``(D,)``, ``keypoints`` ``(D, 2, 2)``,
            ``keypoint_scores`` ``(D, 2)``, and ``positions`` ``(D, 2)``, float64, metres, world
            frame, where the ray through the keypoint on the ground meets it; nan where it does not.
        """
        found = self.head.predict(self.extract_feat(inputs), data_samples, self.test_cfg)
        for sample, instances in zip(data_samples, found, strict=True):
            sample.pred_instances = self._on_pitch(instances, sample)
        return list(data_samples)

    def _on_pitch(self, found: InstanceData, sample: PoseDataSample) -> InstanceData:
        """Bring detections from the input to the annotated size and to the pitch."""
        to_annotated = torch.linalg.inv(
            torch.as_tensor(sample.metainfo["image_homography"], device=found.bboxes.device)
        )
        found.keypoints = apply_affine(to_annotated, found.keypoints)
        corners = apply_affine(to_annotated, found.bboxes.reshape(-1, 2, 2))
        # A mirrored input has left and right the other way round.
        found.bboxes = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
        camera = Camera.from_synloc(sample.metainfo["camera"]).to(found.keypoints.device)
        found.positions = camera.image_to_ground(found.keypoints[:, PELVIS_GROUND])
        radius = self.test_cfg.get("ground_nms_radius")
        if not radius:
            return found
        return found[ground_nms(found.positions, found.bbox_scores, radius)]


def apply_affine(matrix: Tensor, points: Tensor) -> Tensor:
    """Map points ``(..., 2)`` by an affine map ``(3, 3)``; in the map's precision."""
    points = points.to(matrix)
    return points @ matrix[:2, :2].mT + matrix[:2, 2]
