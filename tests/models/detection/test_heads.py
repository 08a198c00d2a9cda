"""The heads against those of mmdet: the same losses, and boxes in single precision."""

from __future__ import annotations

import copy

import pytest
import torch

from footmm.registry import MODELS

FAMILIES = ("DETR", "ConditionalDETR", "DINO")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("empty", [False, True])
def test_losses_are_those_of_mmdets_detector(
    build, make_config, make_twin, make_sample, make_batch, family, empty
):
    config = make_config(family)
    ours, theirs = build(config), build(make_twin(config))
    ours.load_state_dict(theirs.state_dict())
    objects = dict(boxes=[], labels=[]) if empty else {}
    small = make_sample(**objects, size=(48, 80))
    losses = []
    for model in (ours, theirs):
        batch = copy.deepcopy(make_batch(small, make_sample(**objects)))
        data = model.data_preprocessor(batch, training=True)
        torch.manual_seed(1)  # of dropout and denoising
        losses.append(model.train()(**data, mode="loss"))
    assert set(losses[0]) == set(losses[1])
    for name, value in losses[1].items():
        torch.testing.assert_close(losses[0][name].squeeze(), value.squeeze(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_predictions_are_those_of_mmdets_detector(
    build, make_config, make_twin, make_sample, make_batch, family
):
    config = make_config(family)
    ours, theirs = build(config).eval(), build(make_twin(config)).eval()
    ours.load_state_dict(theirs.state_dict())
    batch = make_batch(make_sample(size=(48, 80)), make_sample())
    found = [model.test_step(copy.deepcopy(batch)) for model in (ours, theirs)]
    for a, b in zip(*found, strict=True):
        for name in ("bboxes", "scores", "labels"):
            torch.testing.assert_close(a.pred_instances[name], b.pred_instances[name])


@pytest.mark.parametrize("family", [*FAMILIES, "CenterDINO"])
def test_boxes_keep_single_precision_in_mixed_precision(
    build, make_config, make_sample, make_batch, family
):
    model = build(make_config(family)).eval()
    data = model.data_preprocessor(make_batch(make_sample()))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits, boxes, *_ = model(**data, mode="tensor")
    assert logits.dtype == boxes.dtype == torch.float32
    assert not torch.equal(boxes, boxes.bfloat16().float())


@pytest.mark.parametrize("family", ["DETR", "ConditionalDETR"])
def test_classes_and_their_loss_come_from_the_matching_loss(make_config, family):
    config = make_config(family)["bbox_head"]
    config["matching_loss"]["num_classes"] = 7
    before = copy.deepcopy(config)
    head = MODELS.build(config)
    assert head.fc_cls.out_features == (8 if family == "DETR" else 7)
    assert head.num_classes == 7
    assert head.loss_cls is head.matching_loss.loss_cls
    assert config == before


def test_background_is_averaged_over_processes_where_the_matching_loss_says_so(make_config):
    config = make_config("DINO")["bbox_head"]
    assert MODELS.build(config).sync_cls_avg_factor
    config["matching_loss"]["sync_background"] = False
    assert not MODELS.build(config).sync_cls_avg_factor
