"""The ball in three dimensions, from detections to positions."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from footmm.datasets.ball3d import SyntheticBall3DDataset
from footmm.datasets.transforms import PackBall3DInputs, PaintBallCrops, SimulateBallDetector
from footmm.errors import ConfigError
from footmm.models.ball3d import Ball3DHead, TemporalConvNet
from footmm.models.ball3d.features import BallLifting, BallObservations
from footmm.registry import MODELS

MODEL = dict(
    type="Ball3DTracker",
    rate=25.0,
    temporal=dict(type="TemporalConvNet", channels=16, num_layers=2),
    head=dict(
        type="Ball3DHead",
        num_future=5,
        loss_position=dict(type="BallPositionLoss"),
        loss_reprojection=dict(type="BallReprojectionLoss"),
        loss_velocity=dict(type="BallMotionLoss"),
        loss_physics=dict(type="PhysicsConstraintLoss"),
        loss_flight=dict(type="BallMotionLoss"),
    ),
)
REFINER = dict(type="BallCropRefiner", crop_size=32, backbone=dict(type="EfficientNetB3"))
PREDICTIONS = {
    "pred_positions": (20, 3),
    "pred_velocities": (20, 3),
    "pred_scales": (20, 2),
    "pred_mode_scores": (20, 4),
    "pred_reliable": (20,),
    "pred_future": (5, 3),
}


@pytest.fixture(scope="module")
def samples():
    """Four windows with detections and crops, before packing."""
    dataset = SyntheticBall3DDataset(
        num_samples=4, num_frames=20, num_future=5, windows_per_block=4
    )
    detector, crops = SimulateBallDetector(seed=0), PaintBallCrops(size=32, seed=0)
    return [crops.transform(detector.transform(dataset[index])) for index in range(4)]


def batch(samples):
    return pseudo_collate([PackBall3DInputs().transform(sample) for sample in samples])


def build(**changes):
    init_default_scope("footmm")
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(MODEL) | changes)


@pytest.fixture(scope="module")
def model():
    return build().eval()


@pytest.mark.parametrize("refiner", [None, REFINER])
def test_all_parts_learn(samples, refiner):
    model = build(refiner=refiner).train()
    data = model.data_preprocessor(batch(samples), training=True)
    losses = model(**data, mode="loss")
    assert {"loss_position", "loss_reprojection", "loss_physics", "loss_flight"} <= set(losses)
    assert ("loss_center" in losses) == (refiner is not None)
    # The head begins as geometry alone: its last layer is the only way to the rest.
    torch.nn.init.normal_(model.head.output[1].weight, std=1e-2)
    if refiner:
        torch.nn.init.normal_(model.refiner.head[-1].weight, std=1e-2)
    sum(model(**data, mode="loss").values()).backward()
    still = [name for name, part in model.named_parameters() if part.grad is None]
    assert not still
    assert all(part.grad.isfinite().all() for part in model.parameters())
    assert model.head.physics.offsets["drag"].grad != 0


@pytest.mark.parametrize("refiner", [None, REFINER])
def test_predictions_are_complete_and_own_their_storage(samples, refiner):
    model = build(refiner=refiner).eval()
    with torch.no_grad():
        found = model.test_step(batch(samples))
    for sample in found:
        for name, shape in PREDICTIONS.items():
            part = sample.get(name)
            assert part.shape == shape
            assert part.isfinite().all() if part.dtype != torch.bool else True
            assert part.untyped_storage().nbytes() == part.nbytes
    assert torch.allclose(found[0].pred_mode_scores.sum(-1), torch.ones(20))


def test_an_untrained_model_says_what_geometry_says(samples, model):
    with torch.no_grad():
        found = model.test_step(batch(samples))
    errors = [
        (sample.pred_positions - sample.positions).norm(dim=-1).median().item() for sample in found
    ]
    assert np.median(errors) < 15.0


def test_unknown_modes_are_refused(samples, model):
    data = model.data_preprocessor(batch(samples))
    assert model(**data, mode="tensor").positions.shape == (4, 20, 3)
    with pytest.raises(ValueError, match="'tensor', 'loss' or 'predict'"):
        model(**data, mode="train")


BROKEN = {
    "nothing": lambda sample: sample["detected"].fill(False),
    "one_observation": lambda sample: sample["detected"][1:].fill(False),
    "no_camera": lambda sample: sample["calibrated"].fill(False),
    "nan_points": lambda sample: sample["points"].fill(np.nan),
    "nan_diameters": lambda sample: sample["diameters"].fill(np.nan),
    "infinite_scores": lambda sample: sample["scores"].fill(np.inf),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("mode", ["predict", "loss"])
def test_hardly_anything_seen_is_flagged(samples, model, case, mode):
    broken = copy.deepcopy(samples[:2])
    BROKEN[case](broken[0])
    data = model.data_preprocessor(batch(broken))
    if mode == "loss":
        assert all(loss.isfinite() for loss in model(**data, mode="loss").values())
        return
    with torch.no_grad():
        lost, fine = model(**data, mode="predict")
    assert all(lost.get(name).isfinite().all() for name in PREDICTIONS)
    assert not lost.pred_reliable.any()
    assert lost.pred_scales.min() >= 30.0
    # The other window of the batch does not notice.
    assert fine.pred_reliable.float().mean() > 0.8


def test_frames_without_calibration_are_bridged(samples, model):
    window = copy.deepcopy(samples[0])
    window["calibrated"][8:11] = False
    with torch.no_grad():
        (found,) = model.test_step(batch([window]))
    assert found.pred_positions.isfinite().all()
    assert not found.observed[8:11].any()


def test_inputs_that_are_nan_are_not_observed(samples, model):
    data = batch(samples)
    for name in ("rays", "diameters"):
        data["inputs"][name][0][3] = torch.nan
    clean = model.data_preprocessor(data)["inputs"]
    assert not clean["observed"][0, 3]
    assert all(part.isfinite().all() for part in clean.values())


def test_geometry_is_the_same_from_every_side(samples):
    """Turned about the vertical with its camera, a window has the same features."""
    data = batch(samples[:1])["inputs"]
    parts = {
        name: torch.stack(list(part)).double() for name, part in data.items() if name != "crops"
    }
    parts["observed"] = parts["observed"].bool()
    size = torch.tensor([[1000.0, 1000.0]], dtype=torch.float64)
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    turned = dict(
        parts,
        rays=parts["rays"] @ turn.T,
        origins=parts["origins"] @ turn.T,
        ray_jacobian=turn @ parts["ray_jacobian"],
    )
    lifting = BallLifting(25.0)
    first = lifting(BallObservations(**parts, pitch_size=size))
    second = lifting(BallObservations(**turned, pitch_size=size))
    assert torch.allclose(first.positions @ turn.T, second.positions, atol=1e-3)
    # What is beyond which line of the pitch does change.
    assert torch.allclose(first.features[..., :-3], second.features[..., :-3], atol=1e-3)
    assert first.features.shape[-1] == lifting.num_features


def test_impossible_arguments_are_named():
    with pytest.raises(ConfigError, match="num_layers=0"):
        TemporalConvNet(4, num_layers=0)
    with pytest.raises(ConfigError, match="num_future=7"):
        Ball3DHead(4, 2, 25.0, 7, *({},) * 5)


def test_a_layer_sees_as_far_as_it_says():
    net = TemporalConvNet(1, channels=4, num_layers=3)
    frames = torch.zeros(1, 31, 1)
    other = frames.clone()
    other[0, 15] = 1.0
    changed = (net(frames) - net(other)).abs().sum(-1)[0] > 0
    assert changed.nonzero()[:, 0].tolist() == list(range(15 - 7, 15 + 8))
