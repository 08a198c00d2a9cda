"""Test-time augmentation of athlete localisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor

from footmm.pitch.camera import Camera
from footmm.registry import MODELS
from footmm.structures.localised_athletes import PELVIS_GROUND


@MODELS.register_module()
class LocaliserTTAModel(BaseTTAModel):
    """Fuses the detections of several views of a frame, such as mirrored and enlarged ones.

    Detections of different views that stand on one spot are one athlete: its box and keypoints are
    their means, weighted by the scores, and its score is the sum of theirs divided by the number of
    views, so that an athlete that few views show is less sure. This is weighted boxes fusion
    (Solovyev et al. 2021, https://arxiv.org/abs/1910.13302) with metres in place of IoU.

    Args:
        module: Config of the model.
        radius: Largest distance on the pitch of one athlete's detections, metres.
        **kwargs: Further arguments of MMEngine's ``BaseTTAModel``.
    """

    def __init__(self, module: dict, radius: float = 0.5, **kwargs: object) -> None:
        super().__init__(module=module, **kwargs)
        self.radius = radius

    def merge_preds(
        self, data_samples_list: Sequence[Sequence[PoseDataSample]]
    ) -> list[PoseDataSample]:
        """Merge the views of each frame.

        Args:
            data_samples_list: For each frame the predicted data samples of all views.

        Returns:
            The first view of each frame with the fused ``pred_instances``.
        """
        return [self._merge_views(views) for views in data_samples_list]

    def _merge_views(self, views: Sequence[PoseDataSample]) -> PoseDataSample:
        merged = views[0].clone()
        found = InstanceData.cat([view.pred_instances for view in views])
        numbers = torch.cat(
            [torch.full((len(view.pred_instances),), number) for number, view in enumerate(views)]
        )
        weights = athlete_shares(found.positions, found.bbox_scores, numbers, self.radius)
        total = weights.sum(dim=1) / len(views)
        order = total.argsort(descending=True, stable=True)
        shares = weights[order] / weights[order].sum(dim=1, keepdim=True)
        camera = Camera.from_synloc(merged.metainfo["camera"]).to(found.keypoints.device)
        keypoints = _mean(shares, found.keypoints)
        merged.pred_instances = InstanceData(
            bboxes=_mean(shares, found.bboxes),
            bbox_scores=total[order].to(found.bbox_scores),
            keypoints=keypoints,
            keypoint_scores=_mean(shares, found.keypoint_scores),
            positions=camera.image_to_ground(keypoints[:, PELVIS_GROUND]),
        )
        return merged


def athlete_shares(positions: Tensor, scores: Tensor, views: Tensor, radius: float) -> Tensor:
    """Tell which detections of several views are one athlete.

    The best detection founds an athlete, who gets of every other view the nearest detection within
    the radius; then the best of those left founds the next.

    Args:
        positions: ``(D, 2)``, metres; those that are nan are near to none.
        scores: ``(D,)``.
        views: ``(D,)``, number of the view of each.
        radius: Metres.

    Returns:
        ``(A, D)``, the score of each athlete's detections, 0 for those of others.
    """
    distances = torch.cdist(positions, positions).fill_diagonal_(0.0)
    is_left = torch.ones_like(scores, dtype=torch.bool)
    rows = []
    for founder in scores.argsort(descending=True, stable=True).tolist():
        if not is_left[founder]:
            continue
        members = [founder]
        near = is_left & (distances[founder] < radius) & (views != views[founder])
        for view in views[near].unique():
            candidates = torch.nonzero(near & (views == view))[:, 0]
            members.append(int(candidates[distances[founder, candidates].argmin()]))
        is_left[members] = False
        row = torch.zeros_like(positions[:, 0])
        row[members] = scores[members].to(row)
        rows.append(row)
    return torch.stack(rows) if rows else positions.new_zeros(0, len(positions))


def _mean(shares: Tensor, values: Tensor) -> Tensor:
    return torch.einsum("ad,d...->a...", shares, values.to(shares))
