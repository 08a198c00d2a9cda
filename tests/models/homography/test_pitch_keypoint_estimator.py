"""The whole model in MMEngine's three modes, and the camera it finds."""

import numpy as np
import pytest
import torch
from mmengine.optim import build_optim_wrapper

from footmm.errors import ConfigError
from footmm.models.homography import pitch_keypoint_estimator
from footmm.pitch.calibration import Calibration
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import STRAIGHT_LINE_CLASSES, PitchDimensions
from footmm.pitch.keypoints import KEYPOINT_SETS

INPUT_SIZE = (480, 288)
GROUND = [[-40.0, -10.0, 0.0], [-38.0, 8.0, 0.0], [-45.0, 0.0, 0.0]]


def batch(view, count=2):
    generator = torch.Generator().manual_seed(1)
    width, height = view.codec.input_size
    shape = (count, 3, height, width)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    return dict(inputs=list(images), data_samples=[view.sample() for _ in range(count)])


def resizing(size, new_size):
    x, y = new_size[0] / size[0], new_size[1] / size[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1.0]])


def predict(model, view, ori_shape):
    """Prediction of a model whose head answers what the view shows."""
    width, height = INPUT_SIZE
    model.head.forward = lambda feats: view.logits
    sample = view.sample(ori_shape, resizing(ori_shape[::-1], INPUT_SIZE))
    (found,) = model.eval().predict(torch.zeros(1, 3, height, width), [sample])
    return found


def test_tensor_mode_returns_maps(build, make_configs):
    model = build(make_configs("kp57", True).model)
    assert model(torch.zeros(2, 3, 64, 96), None, mode="tensor").shape == (2, 80, 16, 24)


def test_it_learns_a_batch_by_heart(build, make_configs, scene):
    config = dict(keypoint_set="kp29", with_lines=True)
    model, data = build(make_configs(**config).model), batch(scene(**config))
    optim_wrapper = build_optim_wrapper(
        model, dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=2e-2))
    )
    steps = [model.train_step(data, optim_wrapper) for _ in range(40)]
    assert set(steps[0]) == {"loss", "loss_keypoint", "loss_line", "loss_reprojection"}
    assert all(torch.isfinite(value) for step in steps for value in step.values())
    assert steps[-1]["loss_keypoint"] < 0.5 * steps[0]["loss_keypoint"]
    assert steps[-1]["loss_line"] < 0.5 * steps[0]["loss_line"]


def test_loss_mode_gives_every_parameter_a_gradient(build, make_configs, scene):
    config = dict(keypoint_set="kp57", with_lines=True)
    model = build(make_configs(**config).model)
    data = model.data_preprocessor(batch(scene(**config)), training=True)
    sum(model(**data, mode="loss").values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_bfloat16_trains_and_predicts(build, make_configs, scene):
    model, data = build(make_configs().model), batch(scene())
    optim_wrapper = build_optim_wrapper(
        model,
        dict(type="BFloat16OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3)),
    )
    logs = model.train_step(data, optim_wrapper)
    assert all(torch.isfinite(value) for value in logs.values())
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        found = model.eval().test_step(data)
    assert found[0].pred_instances.keypoints.dtype == np.float32


@pytest.mark.parametrize(("keypoint_set", "with_lines"), [("kp29", False), ("kp57", True)])
def test_maps_of_a_known_camera_give_that_camera(
    build, make_configs, scene, camera, keypoint_set, with_lines
):
    config = dict(keypoint_set=keypoint_set, with_lines=with_lines, input_size=INPUT_SIZE)
    found = predict(build(make_configs(**config).model), scene(**config), (540, 960))
    assert found.pred_failure is None
    assert found.pred_confidence > 0.5
    solved = Camera.from_soccernet(found.pred_camera)
    assert torch.linalg.norm(solved.position - camera.position) < 1.0
    np.testing.assert_allclose(solved.project(GROUND), camera.project(GROUND), atol=0.5)


@pytest.mark.parametrize("ori_shape", [(540, 960), (1080, 1920), (600, 800)])
def test_everything_is_in_pixels_of_the_original_image(
    build, make_configs, scene, camera, ori_shape
):
    config = dict(keypoint_set="kp57", with_lines=True, input_size=INPUT_SIZE)
    found = predict(build(make_configs(**config).model), view := scene(**config), ori_shape)
    original = camera.resized(ori_shape[1], ori_shape[0])
    seen = view.visible[0] > 0
    keypoints = found.pred_instances.keypoints[0, seen]
    pixel = max(ori_shape[1] / INPUT_SIZE[0], ori_shape[0] / INPUT_SIZE[1])
    expected = original.project(KEYPOINT_SETS["kp57"].world()[seen])
    np.testing.assert_allclose(keypoints, expected, atol=0.1 * pixel)

    line = PitchDimensions().markings["Big rect. left main"].ends
    steps = np.diff(original.project(line).numpy(), axis=0)[0]
    offsets = found.pred_lines["Big rect. left main"] - original.project(line).numpy()[0]
    away = np.cross(offsets, steps / np.linalg.norm(steps))
    np.testing.assert_allclose(away, 0.0, atol=0.2 * pixel)

    ground = torch.tensor(GROUND, dtype=torch.float64) + torch.tensor([0.0, 0.0, 1.0])
    x, y, depth = found.pred_homography @ ground.T
    assert (depth > 0).all()
    np.testing.assert_allclose(
        torch.stack([x / depth, y / depth], -1), original.project(GROUND), atol=0.3 * pixel
    )


@pytest.mark.parametrize("ori_shape", [(540, 960), (1080, 1920), (600, 800)])
def test_the_solver_works_at_960_x_540(build, make_configs, scene, camera, monkeypatch, ori_shape):
    given = {}

    def solver(image_size, keypoint_set, keypoints, scores, lines, line_scores, settings):
        given.update(locals())
        failure = "three points are too few"
        return Calibration(None, None, 0.0, failure, np.zeros(57, dtype=bool), float("nan"))

    monkeypatch.setattr(pitch_keypoint_estimator, "calibrate", solver)
    config = dict(keypoint_set="kp57", with_lines=True, input_size=INPUT_SIZE)
    test_cfg = dict(calibration=dict(min_score=0.25))
    model = build(make_configs(**config).model | dict(test_cfg=test_cfg))
    found = predict(model, view := scene(**config), ori_shape)
    assert given["image_size"] == (960, 540)
    assert given["keypoint_set"] is KEYPOINT_SETS["kp57"]
    assert given["settings"].min_score == 0.25
    assert given["scores"].shape == (57,)
    seen = view.visible[0] > 0
    expected = camera.project(KEYPOINT_SETS["kp57"].world()[seen])
    np.testing.assert_allclose(given["keypoints"][seen], expected, atol=0.2)
    assert set(given["lines"]) == set(given["line_scores"]) == set(STRAIGHT_LINE_CLASSES)
    assert found.pred_camera is None
    assert found.pred_homography is None
    assert found.pred_confidence == 0.0
    assert found.pred_failure == "three points are too few"


def test_predictions_have_the_documented_fields(build, make_configs, scene):
    config = dict(keypoint_set="kp57", with_lines=True, input_size=INPUT_SIZE)
    found = predict(build(make_configs(**config).model), scene(**config), (540, 960)).to_dict()
    assert {key for key in found if key.startswith("pred_")} == {
        "pred_camera",
        "pred_confidence",
        "pred_failure",
        "pred_homography",
        "pred_instances",
        "pred_line_scores",
        "pred_lines",
    }
    assert found["pred_instances"]["keypoints"].shape == (1, 57, 2)
    assert found["pred_instances"]["keypoint_scores"].shape == (1, 57)
    assert tuple(found["pred_lines"]) == tuple(found["pred_line_scores"]) == STRAIGHT_LINE_CLASSES
    assert all(ends.shape == (2, 2) for ends in found["pred_lines"].values())
    assert all(scores.shape == (2,) for scores in found["pred_line_scores"].values())


def test_a_model_without_lines_predicts_none(build, make_configs, scene):
    config = dict(input_size=INPUT_SIZE)
    found = predict(build(make_configs(**config).model), scene(**config), (540, 960))
    assert "pred_lines" not in found
    assert "pred_line_scores" not in found


@pytest.mark.parametrize(("keypoint_set", "with_lines"), [("kp29", False), ("kp57", True)])
def test_empty_maps_give_no_camera_but_a_reason(
    build, make_configs, keypoint_set, with_lines, scene
):
    config = dict(keypoint_set=keypoint_set, with_lines=with_lines, input_size=INPUT_SIZE)
    view = scene(**config)
    for name in ("heatmaps", "line_heatmaps"):
        if name in view.encoded:
            view.encoded[name][:] = 0
    found = predict(build(make_configs(**config).model), view, (540, 960))
    assert found.pred_camera is None
    assert found.pred_homography is None
    assert found.pred_confidence == 0.0
    assert isinstance(found.pred_failure, str)
    assert found.pred_failure


def test_flip_test_shows_the_head_the_mirrored_frame_as_well(build, make_configs):
    model = build(make_configs().model | dict(test_cfg=dict(flip_test=True)))
    model.extract_feat = lambda inputs: inputs
    given = []
    model.head.predict = lambda feats, samples, test_cfg: given.extend([*feats, test_cfg]) or []
    frame = torch.randn(1, 3, 64, 96)
    model.predict(frame, [])
    assert torch.equal(given[0], frame)
    assert torch.equal(given[1], frame.flip(-1))
    assert given[2]["flip_test"]


def test_settings_of_the_solver_come_from_test_cfg(build, make_configs):
    test_cfg = dict(calibration=dict(min_score=0.75))
    model = build(make_configs().model | dict(test_cfg=test_cfg))
    assert model.calibration_settings.min_score == 0.75


@pytest.mark.parametrize(
    ("test_cfg", "message"),
    [
        (dict(flip_tset=True), "test_cfg has no option 'flip_tset'; did you mean 'flip_test'"),
        (
            dict(calibration=dict(min_scor=0.5)),
            "calibration has no option 'min_scor'; did you mean",
        ),
        (dict(calibration=dict(min_score=-1.0)), "calibration: min_score must not be negative"),
        (dict(shift=1), "no option 'shift'; it takes flip_test, calibration"),
    ],
)
def test_wrong_test_options_are_errors(build, make_configs, test_cfg, message):
    with pytest.raises(ConfigError, match=message):
        build(make_configs().model | dict(test_cfg=test_cfg))
