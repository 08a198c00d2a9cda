"""The loss of set prediction against mmdet's heads, and its mask."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from footmm.errors import ConfigError
from footmm.models.losses import HungarianMatchingLoss, hungarian_matching
from footmm.registry import MODELS

CLASSES = 3
QUERIES = 5
SIZES = [(64, 96), (48, 80), (100, 30)]
BOX_COSTS = [
    dict(type="mmdet.BBoxL1Cost", weight=5.0, box_format="xywh"),
    dict(type="mmdet.IoUCost", iou_mode="giou", weight=2.0),
]
FOCAL_COST = dict(type="mmdet.FocalLossCost", weight=2.0)
HEADS = {
    "DETRHead": (
        dict(),
        dict(
            loss_cls=dict(
                type="mmdet.CrossEntropyLoss",
                bg_cls_weight=0.1,
                use_sigmoid=False,
                loss_weight=1.0,
                class_weight=1.0,
            ),
            cost=dict(type="mmdet.ClassificationCost", weight=1.0),
        ),
    ),
    "ConditionalDETRHead": (
        dict(class_loss="focal", class_weight=2.0),
        dict(
            loss_cls=dict(type="mmdet.FocalLoss", use_sigmoid=True, loss_weight=2.0),
            cost=FOCAL_COST,
        ),
    ),
    "DINOHead": (
        dict(class_loss="focal", class_cost=2.0, sync_background=True),
        dict(
            loss_cls=dict(type="mmdet.FocalLoss", use_sigmoid=True, loss_weight=1.0),
            cost=FOCAL_COST,
            sync_cls_avg_factor=True,
        ),
    ),
}
"""Arguments of our loss, and of mmdet's head that computes the same."""


def mmdet_head(name, *, cost, **kwargs):
    init_default_scope("footmm")
    return MODELS.build(
        dict(
            copy.deepcopy(kwargs),
            type=f"mmdet.{name}",
            num_classes=CLASSES,
            embed_dims=8,
            loss_bbox=dict(type="mmdet.L1Loss", loss_weight=5.0),
            loss_iou=dict(type="mmdet.GIoULoss", loss_weight=2.0),
            train_cfg=dict(
                assigner=dict(type="mmdet.HungarianAssigner", match_costs=[cost, *BOX_COSTS])
            ),
        )
    )


def random_objects(generator, size, count):
    corners = torch.rand(count, 2, 2, generator=generator).sort(dim=1).values
    boxes = corners.flatten(1) * torch.tensor(size[::-1] * 2)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    return InstanceData(bboxes=boxes, labels=labels, metainfo=dict(img_shape=size))


def random_case(counts, channels=CLASSES, seed=0):
    """Predictions, and objects in images of different sizes."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(len(counts), QUERIES, channels, generator=generator)
    boxes = torch.randn(len(counts), QUERIES, 4, generator=generator).sigmoid()
    pairs = zip(SIZES, counts, strict=True)
    objects = [random_objects(generator, size, count) for size, count in pairs]
    return (logits.requires_grad_(), boxes.requires_grad_()), objects


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("counts", [(3, 1, 2), (2, 0, 8), (0, 0, 0)])
def test_equals_mmdets_head(name, counts):
    ours, theirs = HEADS[name]
    loss, head = HungarianMatchingLoss(CLASSES, **ours), mmdet_head(name, **theirs)
    pred, objects = random_case(counts, head.cls_out_channels)
    metas = [dict(img_shape=size) for size in SIZES]
    expected = [value.squeeze() for value in head.loss_by_feat_single(*pred, objects, metas)]
    actual = loss(pred, objects)
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
        pairs = (torch.autograd.grad(v, pred, retain_graph=True, allow_unused=True) for v in (a, b))
        for by_ours, by_theirs in zip(*pairs, strict=True):
            torch.testing.assert_close(by_ours, by_theirs, rtol=1e-6, atol=1e-6)


def test_hand_computed():
    # The first query is right about the class and half as wide as the player, the second is none.
    logits = torch.tensor([[[20.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    boxes = torch.tensor([[[0.5, 0.5, 0.25, 0.5], [0.1, 0.1, 0.1, 0.1]]])
    player = InstanceData(
        bboxes=torch.tensor([[25.0, 10.0, 75.0, 30.0]]),
        labels=torch.tensor([0]),
        metainfo=dict(img_shape=(40, 100)),
    )
    cls, bbox, iou = HungarianMatchingLoss(CLASSES)((logits, boxes), [player])
    assert cls.item() == pytest.approx(0.1 * 1.3862944 / 1.1, rel=1e-5)
    assert bbox.item() == pytest.approx(5 * 0.25, rel=1e-5)
    assert iou.item() == pytest.approx(2 * 0.5, rel=1e-5)


@pytest.mark.parametrize("class_loss", ["softmax", "focal"])
def test_masked_queries_are_as_if_they_were_not_there(class_loss):
    loss = HungarianMatchingLoss(CLASSES, class_loss)
    pred, objects = random_case((3, 0, 8), CLASSES + (class_loss == "softmax"))
    kept = torch.tensor([0, 2, 3])
    weight = torch.zeros(len(objects), QUERIES).index_fill(1, kept, 1.0)
    actual = loss(pred, objects, weight)
    torch.testing.assert_close(actual, loss([values[:, kept] for values in pred], objects))
    sum(actual).backward()
    for values in pred:
        assert values.grad[:, kept].abs().sum() > 0
        assert not values.grad[:, [1, 4]].any()


def test_the_weights_of_all_queries_together_do_not_matter():
    loss = HungarianMatchingLoss(CLASSES)
    pred, objects = random_case((3, 1, 2), CLASSES + 1)
    weight = torch.full((3, QUERIES), 2.0)
    torch.testing.assert_close(loss(pred, objects, weight), loss(pred, objects))


def test_no_query_left():
    pred, objects = random_case((3, 0, 8), CLASSES + 1)
    losses = HungarianMatchingLoss(CLASSES)(pred, objects, torch.zeros(3, QUERIES))
    sum(losses).backward()
    assert [value.item() for value in losses] == [0.0, 0.0, 0.0]
    assert not any(values.grad.any() for values in pred)


@pytest.mark.parametrize(("sync_background", "cls_factor"), [(False, 1.0), (True, 0.5)])
def test_processes_share_the_numbers_they_divide_by(monkeypatch, sync_background, cls_factor):
    loss = HungarianMatchingLoss(CLASSES, sync_background=sync_background)
    pred, objects = random_case((3, 1, 2), CLASSES + 1)
    alone = loss(pred, objects)
    # Others have three times as many objects and queries.
    monkeypatch.setattr(hungarian_matching, "reduce_mean", lambda number: 2 * number)
    shared = loss(pred, objects)
    assert shared.cls.item() == pytest.approx(cls_factor * alone.cls.item(), rel=1e-5)
    assert shared.bbox.item() == pytest.approx(0.5 * alone.bbox.item(), rel=1e-5)
    assert shared.iou.item() == pytest.approx(0.5 * alone.iou.item(), rel=1e-5)


def test_the_assignment_weighs_classes_like_the_loss_or_as_told():
    costs = [
        HungarianMatchingLoss(CLASSES, class_weight=3.0, class_cost=cost).assigner.match_costs
        for cost in (None, 2.0)
    ]
    assert [[c.weight for c in terms] for terms in costs] == [[3.0, 5.0, 2.0], [2.0, 5.0, 2.0]]


@pytest.mark.parametrize("class_loss", ["softmax", "focal"])
def test_half_precision_is_computed_in_single(class_loss):
    loss = HungarianMatchingLoss(CLASSES, class_loss)
    pred, objects = random_case((3, 0, 8), CLASSES + (class_loss == "softmax"))
    half = [values.detach().bfloat16() for values in pred]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = loss(half, objects)
    expected = loss([values.float() for values in half], objects)
    assert all(value.dtype == torch.float32 for value in losses)
    assert [v.item() for v in losses] == [v.item() for v in expected]


def test_an_unknown_class_loss_is_an_error():
    with pytest.raises(ConfigError, match=r"class_loss='sigmoid' is unknown.*softmax, focal"):
        HungarianMatchingLoss(CLASSES, class_loss="sigmoid")


def test_is_registered():
    loss = MODELS.build(dict(type="HungarianMatchingLoss", num_classes=CLASSES))
    assert isinstance(loss, HungarianMatchingLoss)
