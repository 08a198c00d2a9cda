"""The whole model in MMEngine's three modes."""

import copy
import io

import pytest
import torch
from mmdet.structures import ReIDDataSample
from mmengine.optim import build_optim_wrapper

from footmm.models import ReIDTTAModel
from footmm.registry import MODELS

CONFIG = {
    "type": "ReIDModel",
    "data_preprocessor": {
        "type": "ImgDataPreprocessor",
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "bgr_to_rgb": True,
    },
    "backbone": {"type": "OSNet", "arch": "x0_25", "feature_dim": 32},
    "neck": {"type": "BNNeck", "in_channels": 32, "out_channels": 16},
    "appearance_head": {
        "type": "AppearanceHead",
        "num_classes": 3,
        "in_channels": 16,
        "loss_softmax": {"type": "LabelSmoothSoftmaxLoss"},
        "loss_triplet": {"type": "TripletLoss"},
        "loss_center": {"type": "CenterLoss", "loss_weight": 0.0005},
    },
    "jersey_head": {"type": "JerseyNumberHead", "in_channels": 16},
    "body_shape_head": {"type": "BodyShapeHead", "in_channels": 16},
}


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(CONFIG) | changes)


def batch():
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (6, 3, 32, 16), dtype=torch.uint8, generator=generator)
    samples = []
    for identity in (0, 0, 1, 1, 2, 2):
        sample = ReIDDataSample().set_gt_label(identity)
        sample.gt_jersey = torch.tensor(10 * identity)
        samples.append(sample)
    return {"inputs": list(images), "data_samples": samples}


def test_tensor_mode_returns_the_feature_after_the_batch_norm():
    model = build().eval()
    images = torch.randn(2, 3, 32, 16)
    assert torch.equal(model(images), model.extract_features(images).after_bn)


def test_loss_mode_gives_every_trained_parameter_a_gradient():
    model = build()
    losses = model(**model.data_preprocessor(batch(), training=True), mode="loss")
    assert sorted(losses) == [
        "loss_body_shape",
        "loss_center",
        "loss_jersey",
        "loss_softmax",
        "loss_triplet",
    ]
    sum(losses.values()).backward()
    assert not [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]


def test_predict_mode_fills_the_data_samples():
    model = build().eval()
    predicted = model.test_step(batch())
    images = model.data_preprocessor(batch())["inputs"]
    assert len(predicted) == 6
    for sample, feature in zip(predicted, model(images), strict=True):
        assert torch.allclose(sample.pred_feature, feature, atol=1e-6)
        assert sample.pred_jersey.shape == (101,)
        assert sample.pred_body_shape.shape == (2,)
        assert sample.gt_label.label.shape == (1,)


def test_heads_are_optional():
    model = build(jersey_head=None, body_shape_head=None).eval()
    (sample, *_) = model.test_step(batch())
    assert "pred_feature" in sample
    assert "pred_jersey" not in sample


def test_unknown_mode():
    with pytest.raises(ValueError, match="mode='features'"):
        build()(torch.zeros(2, 3, 32, 16), mode="features")


def trained(steps=3):
    model = build()
    model.init_weights()
    optim_wrapper = build_optim_wrapper(
        model,
        {
            "optimizer": {"type": "SGD", "lr": 0.01},
            "paramwise_cfg": {"custom_keys": {"loss_center": {"lr_mult": 100.0}}},
        },
    )
    losses = [model.train_step(batch(), optim_wrapper)["loss"].item() for _ in range(steps)]
    return model, losses, optim_wrapper


def test_training_is_deterministic_and_learns():
    first, losses, _ = trained(steps=8)
    second, again, _ = trained(steps=8)
    assert losses == again
    assert losses[-1] < losses[0]
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_centres_have_a_learning_rate_of_their_own():
    model, _, optim_wrapper = trained(steps=1)
    centers = model.appearance_head.loss_center.centers
    rates = {group["lr"] for group in optim_wrapper.param_groups if group["params"][0] is centers}
    assert rates == {1.0}


def test_state_dict_round_trip():
    model, other = trained(steps=1)[0].eval(), build().eval()
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer))
    images = torch.randn(2, 3, 32, 16)
    assert torch.equal(model(images), other(images))


def test_exports_for_any_batch_size():
    model = build().eval()
    batch_size = torch.export.Dim("batch", max=64)
    program = torch.export.export(
        model, (torch.randn(2, 3, 32, 16),), dynamic_shapes={"inputs": {0: batch_size}}
    )
    images = torch.randn(5, 3, 32, 16)
    assert torch.allclose(program.module()(images), model(images), atol=1e-6)


def test_tta_averages_normalised_features():
    views = []
    for feature, scores in (([3.0, 4.0], [0.2, 0.8]), ([0.0, 10.0], [0.4, 0.6])):
        view = ReIDDataSample(metainfo={"sample_id": 5}).set_gt_label(1)
        view.pred_feature = torch.tensor(feature)
        view.pred_jersey = torch.tensor(scores)
        views.append(view)
    tta = ReIDTTAModel(build())
    (merged,) = tta.merge_preds([views])
    assert torch.allclose(merged.pred_feature, torch.tensor([0.3, 0.9]))
    assert torch.allclose(merged.pred_jersey, torch.tensor([0.3, 0.7]))
    assert (merged.sample_id, merged.gt_label.label.item()) == (5, 1)
    assert views[0].pred_feature.tolist() == [3.0, 4.0]


def test_tta_runs_on_the_views_of_a_loader():
    tta = ReIDTTAModel(build().eval()).eval()
    images = batch()["inputs"]
    flipped = [image.flip(-1) for image in images]
    data = {
        "inputs": [images, flipped],
        "data_samples": [batch()["data_samples"], batch()["data_samples"]],
    }
    merged = tta.test_step(data)
    singles = [
        tta.module.test_step({"inputs": i, "data_samples": batch()["data_samples"]})
        for i in (images, flipped)
    ]
    for result, first, second in zip(merged, *singles, strict=True):
        expected = sum(
            torch.nn.functional.normalize(s.pred_feature, dim=0) for s in (first, second)
        )
        assert torch.allclose(result.pred_feature, expected / 2, atol=1e-6)
