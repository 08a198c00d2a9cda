from __future__ import annotations

import copy

import pytest
import torch
from mmpose.models.heads.hybrid_heads import yoloxpose_head as mmpose_head
from mmpose.structures import PoseDataSample

from footmm.models.synloc import YOLOXPoseHead
from footmm.models.synloc.yoloxpose_head import HeadOutputs
from footmm.registry import MODELS

LEVELS = ((24, 40), (12, 20), (6, 10))


@pytest.fixture
def head(config):
    torch.manual_seed(0)
    head = MODELS.build(config.head)
    head.init_weights()
    return head.eval()


def random_maps(batch_size=2, seed=0):
    """Maps that decode to many overlapping boxes with all kinds of scores.

    In double precision no overlap lies at a threshold to the last bit.
    """
    generator = torch.Generator().manual_seed(seed)

    def maps(channels, spread, shift=0.0):
        return [
            spread * torch.randn(batch_size, channels, *level, generator=generator).double() + shift
            for level in LEVELS
        ]

    return maps(1, 2.0), maps(1, 2.0), maps(4, 1.0), maps(4, 2.0), maps(2, 1.0)


def samples(count=2, size=(320, 192)):
    return [PoseDataSample(metainfo={"input_size": size}) for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("test_cfg", [dict(nms_thr=0.65), dict(nms_thr=0.3, score_thr=0.2)])
def test_same_detections_as_mmpose(head, monkeypatch, seed, test_cfg):
    monkeypatch.setattr(head.head_module, "forward", lambda feats: random_maps(seed=seed))
    monkeypatch.setattr(
        type(head), "forward", lambda self, feats: HeadOutputs(*self.head_module(feats))
    )
    ours = head.predict(None, samples(), test_cfg)
    theirs = mmpose_head.YOLOXPoseHead.predict(head, None, samples(), test_cfg)
    for found, expected in zip(ours, theirs, strict=True):
        assert len(found) == len(expected) > 50
        for name in ("bboxes", "bbox_scores", "keypoints", "keypoint_scores", "labels"):
            assert torch.allclose(found[name], torch.as_tensor(expected[name]), atol=1e-6), name


def test_at_most_so_many_detections_and_none_at_all(head):
    feats = [torch.randn(1, 96, *level) for level in LEVELS]
    found = head.predict(feats, samples(1), dict(score_thr=0.0, max_per_img=7))
    assert len(found[0]) == 7
    assert (found[0].bbox_scores.diff() <= 0).all()
    (nothing,) = head.predict(feats, samples(1), dict(score_thr=2.0, nms_thr=0.65))
    assert nothing.keypoints.shape == (0, 2, 2)
    assert nothing.bboxes.shape == (0, 4)


def test_batch_without_athletes_has_every_loss(config, batch):
    model = MODELS.build(config)
    data = model.data_preprocessor(batch, True)
    for sample in data["data_samples"]:
        sample.gt_instance_labels = sample.gt_instance_labels[:0]
    losses = model.loss(**data)
    sum(value.mean() for name, value in losses.items() if "loss" in name).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_mixed_precision_does_not_reach_the_offsets(head):
    feats = [torch.randn(1, 96, *level) for level in LEVELS]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = head(feats)
    assert all(level.dtype == torch.float32 for maps in outputs for level in maps)


def test_configs_are_not_written_into(config):
    before = copy.deepcopy(config.head.to_dict())
    MODELS.build(config.head)
    assert config.head.to_dict() == before
    assert isinstance(MODELS.build(config.head), YOLOXPoseHead)
