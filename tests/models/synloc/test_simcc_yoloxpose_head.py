from __future__ import annotations

import pytest
import torch

from footmm.registry import MODELS


@pytest.fixture
def head(simcc_config):
    torch.manual_seed(0)
    return MODELS.build(simcc_config.head)


def test_keypoint_is_the_mean_of_its_bins(head):
    offsets = torch.tensor([[-3.1, 2.72], [0.05, 7.0]])
    logits = -0.5 * ((offsets[..., None] - head.bins) / 0.25) ** 2
    priors, strides = torch.tensor([[100.0, 40.0]]), torch.tensor([16.0])
    keypoints = head.decode_kpt_reg(logits.reshape(1, 1, -1), priors, strides)
    assert keypoints.shape == (1, 1, 2, 2)
    assert torch.allclose(keypoints[0, 0], offsets * 16 + priors, atol=0.1)


def test_bins_learn_the_offset_and_ignore_what_they_cannot_hold(head):
    offsets = torch.tensor([[[1.3, -2.2], [9.0, 0.0]]])
    logits = torch.zeros(1, 2 * 2 * len(head.bins), requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.5)
    first = head._bin_loss(logits, offsets, torch.ones(1, 2)).item()
    for _ in range(300):
        optimizer.zero_grad()
        loss = head._bin_loss(logits, offsets, torch.ones(1, 2))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05 * first
    shares = head._by_coordinate(logits.detach()).softmax(-1)
    assert torch.allclose((shares @ head.bins)[0, 0], offsets[0, 0], atol=0.05)
    assert torch.equal(shares[0, 1], torch.full_like(shares[0, 1], 1 / len(head.bins)))


def test_losses_train_every_layer(simcc_config, batch):
    model = MODELS.build(simcc_config)
    losses = model.loss(**model.data_preprocessor(batch, True))
    assert losses["loss_simcc"] > 0
    sum(value.mean() for name, value in losses.items() if "loss" in name).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_predicts(simcc_config, batch):
    model = MODELS.build(simcc_config).eval()
    with torch.no_grad():
        found = model.predict(**model.data_preprocessor(batch))
    assert found[0].pred_instances.keypoints.shape[1:] == (2, 2)
