"""Heads: which samples enter which loss, and what is predicted."""

import pytest
import torch
from mmdet.structures import ReIDDataSample

from footmm.errors import TrainingError
from footmm.models import (
    AppearanceHead,
    BodyShapeHead,
    CenterLoss,
    ContrastiveLoss,
    JerseyNumberHead,
    LabelSmoothSoftmaxLoss,
    TripletLoss,
)
from footmm.models.reid import NeckFeatures

SOFTMAX = {"type": "LabelSmoothSoftmaxLoss"}


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    before, after = torch.randn(2, 5, 4, generator=generator)
    return NeckFeatures(before.requires_grad_(), after.requires_grad_())


def samples(identities=(None,) * 5, **fields):
    result = []
    for i, identity in enumerate(identities):
        sample = ReIDDataSample()
        if identity is not None:
            sample.set_gt_label(identity)
        for name, values in fields.items():
            if values[i] is not None:
                sample.set_field(torch.tensor(values[i]), name)
        result.append(sample)
    return result


def appearance_head(**losses):
    return AppearanceHead(num_classes=3, in_channels=4, loss_softmax=SOFTMAX, **losses)


HEADS = [
    lambda: appearance_head(
        loss_triplet={"type": "TripletLoss"},
        loss_center={"type": "CenterLoss"},
        loss_contrastive={"type": "ContrastiveLoss"},
    ),
    lambda: JerseyNumberHead(4),
    lambda: BodyShapeHead(4),
]


@pytest.mark.parametrize("build", HEADS, ids=["appearance", "jersey", "body_shape"])
def test_without_labels_losses_are_zero_and_every_parameter_has_a_gradient(build, features):
    head = build()
    losses = head.loss(features, samples())
    sum(losses.values()).backward()
    assert all(name.startswith("loss_") for name in losses)
    assert [loss.item() for loss in losses.values()] == [0.0] * len(losses)
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())


def test_appearance_losses_act_on_their_side_of_the_batch_norm(features):
    head = HEADS[0]()
    losses = head.loss(features, samples([0, 0, 1, 1, 2]))
    labels = torch.tensor([0, 0, 1, 1, 2])
    scores = features.after_bn @ head.classifier.weight.T
    center = CenterLoss(3, 4)
    center.load_state_dict(head.loss_center.state_dict())
    expected = {
        "loss_softmax": LabelSmoothSoftmaxLoss()(scores, labels),
        "loss_triplet": TripletLoss()(features.before_bn, labels),
        "loss_center": center(features.before_bn, labels),
        "loss_contrastive": ContrastiveLoss()(features.before_bn, labels),
    }
    assert {k: v.item() for k, v in losses.items()} == pytest.approx(
        {k: v.item() for k, v in expected.items()}, rel=1e-6
    )


def test_samples_without_identity_do_not_enter(features):
    head = HEADS[0]()
    kept = [0, 1, 3, 4]
    some = head.loss(features, samples([0, 0, None, 1, 1]))
    only = head.loss(NeckFeatures(*(f[kept] for f in features)), samples([0, 0, 1, 1]))
    assert {k: v.item() for k, v in some.items()} == pytest.approx(
        {k: v.item() for k, v in only.items()}, rel=1e-5
    )


def test_metric_losses_are_optional(features):
    assert list(appearance_head().loss(features, samples([0, 1, 2, 0, 1]))) == ["loss_softmax"]


def test_a_label_beyond_the_classes_names_the_key_to_change(features):
    batch = samples([0, 1, 2, 7, 1])
    with pytest.raises(TrainingError, match=r"for 3 identities, .* has 8: .*num_classes=8"):
        appearance_head().loss(features, batch)
    batch[0].set_metainfo({"num_identities": 20})
    with pytest.raises(TrainingError, match=r"has 20: .*--cfg-options num_identities=20"):
        appearance_head().loss(features, batch)


def test_appearance_predicts_the_feature_after_the_batch_norm(features):
    half = NeckFeatures(*(f.bfloat16() for f in features))
    prediction = appearance_head().predict(half)["pred_feature"]
    assert prediction.dtype == torch.float32
    assert torch.equal(prediction, features.after_bn.bfloat16().float())


def test_jersey_loss_is_the_mean_over_the_labelled(features):
    head = JerseyNumberHead(4, loss_weight=2.0)
    loss = head.loss(features, samples(gt_jersey=[10, None, 100, None, None]))["loss_jersey"]
    scores = head.classifier(features.after_bn)[[0, 2]]
    expected = torch.nn.functional.cross_entropy(scores, torch.tensor([10, 100]))
    assert loss.item() == pytest.approx(2 * expected.item(), 1e-6)


def test_jersey_predicts_probabilities(features):
    probabilities = JerseyNumberHead(4).predict(features)["pred_jersey"]
    assert probabilities.shape == (5, 101)
    assert torch.allclose(probabilities.sum(1), torch.ones(5))


def test_body_shape_starts_from_the_average_player():
    zero = NeckFeatures(torch.zeros(1, 4), torch.zeros(1, 4))
    estimate = BodyShapeHead(4).predict(zero)["pred_body_shape"]
    assert torch.allclose(estimate, torch.tensor([[1.82, 1.0]]))


def test_body_shape_loss_is_smooth_l1_over_the_labelled():
    zero = NeckFeatures(torch.zeros(5, 4), torch.zeros(5, 4))
    labels = [None, (1.83, 1.2), None, None, None]
    head = BodyShapeHead(4, loss_weight=2.0, beta=0.05)
    loss = head.loss(zero, samples(gt_body_shape=labels))["loss_body_shape"]
    # An error of 0.01 is below beta, 0.5 * e**2 / beta; one of 0.2 above it, e - beta / 2.
    assert loss.item() == pytest.approx(2 * (0.001 + 0.175) / 2, rel=1e-4)
