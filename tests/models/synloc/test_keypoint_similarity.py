from __future__ import annotations

import pytest
import torch
from mmpose.models.losses.regression_loss import OKSLoss
from mmpose.models.task_modules.assigners.metric_calculators import PoseOKS

from footmm.models.synloc import KeypointSimilarity, KeypointSimilarityLoss

SIGMAS = [0.05, 0.1]


@pytest.fixture
def pairs():
    torch.manual_seed(0)
    predicted = 20 * torch.rand(6, 2, 2)
    return predicted, predicted + torch.randn(6, 2, 2), torch.ones(6, 2), 300 * torch.rand(6) + 50


def test_similarity_is_mmposes_with_those_sigmas(pairs):
    predicted, target, visible, areas = pairs
    owner = PoseOKS(metainfo=None)
    owner.sigmas = torch.tensor(SIGMAS)
    arguments = (predicted[:, None], target[None], visible[None], areas[None])
    ours = KeypointSimilarity(SIGMAS)(*arguments)
    assert ours.shape == (6, 6)
    assert torch.equal(ours, owner(*arguments))


def test_loss_is_mmposes_with_those_sigmas(pairs):
    owner = OKSLoss(metainfo=None, norm_target_weight=True, loss_weight=30.0)
    owner.register_buffer("sigmas", torch.tensor(SIGMAS))
    loss = KeypointSimilarityLoss(SIGMAS, norm_target_weight=True, loss_weight=30.0)
    assert torch.equal(loss(*pairs), owner(*pairs))
    assert loss.state_dict() == {}
