"""mmpose's object keypoint similarity for keypoints that no dataset file of mmpose describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpose.models.losses.regression_loss import OKSLoss
from mmpose.models.task_modules.assigners.metric_calculators import PoseOKS

from footmm.registry import MODELS, TASK_UTILS


@TASK_UTILS.register_module()
class KeypointSimilarity(PoseOKS):
    """mmpose's ``PoseOKS``, told its sigmas; there, a file relative to the working directory does.

    Args:
        sigmas: One for each keypoint, as a share of the square root of the athlete's area.
    """

    def __init__(self, sigmas: Sequence[float]) -> None:
        super().__init__(metainfo=None)
        self.sigmas = torch.tensor(sigmas)


@MODELS.register_module()
class KeypointSimilarityLoss(OKSLoss):
    """mmpose's ``OKSLoss``, told its sigmas.

    Args:
        sigmas: As those of :class:`KeypointSimilarity`.
        **kwargs: Further arguments of mmpose's loss.
    """

    def __init__(self, sigmas: Sequence[float], **kwargs: Any) -> None:
        super().__init__(metainfo=None, **kwargs)
        self.register_buffer("sigmas", torch.tensor(sigmas), persistent=False)
