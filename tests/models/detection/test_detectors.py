"""The detectors: building, training, predictions in pixels, balls of two sources, weights."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from footmm.errors import CheckpointError, ConfigError
from footmm.models.common import pretrained
from footmm.models.detection import merge_balls
from footmm.registry import MODELS
from footmm.structures.detected_objects import BALL, PLAYER, REFEREE

PLAIN = ("DETR", "ConditionalDETR", "DINO")
QUERIES = 12
MODELS_TO_TRY = [(family, balls) for family in PLAIN for balls in (False, True)]
MODELS_TO_TRY.append(("CenterDINO", False))
all_models = pytest.mark.parametrize(("family", "balls"), MODELS_TO_TRY)


@all_models
def test_builds_twice_from_a_dict_that_stays_as_it_is(make_config, family, balls):
    init_default_scope("footmm")
    config = make_config(family, balls)
    before = copy.deepcopy(config)
    for _ in range(2):
        MODELS.build(config)
        assert config == before


@all_models
@pytest.mark.parametrize("counts", [(3, 3), (0, 3), (0, 0)])
def test_every_parameter_has_a_finite_gradient(
    build, make_config, make_sample, make_batch, family, balls, counts
):
    model = build(make_config(family, balls)).train()
    samples = [make_sample() if count else make_sample([], []) for count in counts]
    data = model.data_preprocessor(make_batch(*samples), training=True)
    total, logs = model.parse_losses(model(**data, mode="loss"))
    assert all(value.isfinite() for value in logs.values())
    assert ("loss_center_heatmap" in logs) == (balls or family == "CenterDINO")
    total.backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@all_models
def test_images_alone_give_raw_outputs(build, make_config, family, balls):
    model = build(make_config(family, balls)).eval()
    with torch.no_grad():
        outputs = model(torch.zeros(2, 3, 64, 96), mode="tensor")
    assert outputs[0].shape[1:] == (2, QUERIES, outputs[0].shape[-1])
    assert (outputs[-1] is None) == (not balls and family != "CenterDINO")


@all_models
def test_mixed_precision_trains_and_predicts(
    build, make_config, make_sample, make_batch, family, balls
):
    model = build(make_config(family, balls)).train()
    batch = make_batch(make_sample(), make_sample(size=(48, 80)))
    data = model.data_preprocessor(copy.deepcopy(batch), training=True)
    with torch.autocast("cpu", torch.bfloat16):
        losses = model(**data, mode="loss")
        with torch.no_grad():
            found = model.eval().test_step(batch)
    for name, value in losses.items():
        assert value.dtype == torch.float32, name
        assert value.isfinite().all(), name
    assert found[0].pred_instances.bboxes.dtype == torch.float32


@pytest.mark.parametrize(("family", "balls"), [("DINO", True), ("CenterDINO", False)])
def test_the_same_seed_gives_the_same(build, make_config, make_sample, make_batch, family, balls):
    batch = make_batch(make_sample(), make_sample(size=(48, 80)))

    def run():
        model = build(make_config(family, balls))
        data = model.data_preprocessor(copy.deepcopy(batch), training=True)
        losses = model.train()(**data, mode="loss")
        found = model.eval().test_step(copy.deepcopy(batch))
        return [*losses.values(), *(sample.pred_instances.bboxes for sample in found)]

    for a, b in zip(run(), run(), strict=True):
        assert torch.equal(a, b)


@all_models
def test_predictions_own_small_tensors(build, make_config, make_sample, make_batch, family, balls):
    model = build(make_config(family, balls)).eval()
    batch = make_batch(make_sample(), make_sample(size=(48, 80)))
    is_merged = balls or family == "CenterDINO"
    with torch.no_grad():
        samples = model.test_step(batch)
    for sample in samples:
        found = sample.pred_instances
        assert 1 <= len(found) <= QUERIES + 5 if is_merged else len(found) == QUERIES
        assert (found.scores.diff() <= 0).all()
        assert found.labels.dtype == torch.long
        assert ((found.labels >= 0) & (found.labels <= REFEREE)).all()
        for name, values in found.items():
            own = values.untyped_storage().nbytes()
            assert own == values.numel() * values.element_size(), name
        assert len(pickle.dumps(found)) < 4000


@pytest.mark.parametrize("family", [*PLAIN, "CenterDINO"])
@pytest.mark.parametrize(
    ("rescale", "expected"),
    [
        (True, [[72.0, 48.0, 120.0, 144.0], [60.0, 36.0, 100.0, 108.0]]),
        (False, [[36.0, 16.0, 60.0, 48.0], [30.0, 12.0, 50.0, 36.0]]),
    ],
)
def test_boxes_are_in_pixels_of_the_image_file(
    build, make_config, make_sample, make_batch, family, rescale, expected
):
    model = build(make_config(family)).eval()
    channels = 4 if family == "DETR" else 3
    logits = torch.full((2, 2, QUERIES, channels), -9.0)
    logits[..., PLAYER] = 5.0
    boxes = torch.tensor([0.5, 0.5, 0.25, 0.5]).expand(2, 2, QUERIES, 4)
    model.bbox_head.forward = lambda *args, **kwargs: (logits, boxes)
    data = model.data_preprocessor(make_batch(make_sample(), make_sample(size=(48, 80))))
    with torch.no_grad():
        found = model.predict(data["inputs"], data["data_samples"], rescale)
    for sample, box in zip(found, expected, strict=True):
        players = sample.pred_instances[sample.pred_instances.labels == PLAYER]
        torch.testing.assert_close(players.bboxes, torch.tensor([box]).expand(QUERIES, 4))


def instances(*rows):
    """Of left, top, right, bottom, score and label."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return InstanceData(bboxes=table[:, :4], scores=table[:, 4], labels=table[:, 5].long())


@pytest.mark.parametrize(("rescale", "scale"), [(True, (2.0, 3.0)), (False, (1.0, 1.0))])
def test_balls_are_cut_at_the_border_and_those_beside_the_image_dropped(
    build, make_config, make_sample, make_batch, rescale, scale
):
    model = build(make_config("DETR", balls=True)).eval()
    inside, cut, beside = [60.0, 30.0, 64.0, 34.0], [78.0, -2.0, 82.0, 2.0], [81.0, 5.0, 85.0, 9.0]
    balls = instances([*inside, 0.99, BALL], [*cut, 0.98, BALL], [*beside, 0.97, BALL])
    model.center_head.predict = lambda outputs, label: [balls[:], balls[:]]
    data = model.data_preprocessor(make_batch(make_sample(size=(48, 80)), make_sample()))
    with torch.no_grad():
        small, large = model.predict(data["inputs"], data["data_samples"], rescale)
    of_small, of_large = (s.pred_instances[s.pred_instances.scores > 0.95] for s in (small, large))
    scale = torch.tensor(scale).repeat(2)
    expected = torch.tensor([inside, [78.0, 0.0, 80.0, 2.0]]) * scale
    torch.testing.assert_close(of_small.bboxes, expected)
    # The other image is wider than the first one, whose padding is no image.
    expected = torch.tensor([inside, [78.0, 0.0, 82.0, 2.0], beside]) * scale
    torch.testing.assert_close(of_large.bboxes, expected)


def test_balls_are_sought_among_balls_only(build, make_config, make_sample, make_batch):
    model = build(make_config("CenterDINO")).eval()
    logits = torch.full((1, 3, 16, 24), -7.0)
    logits[0, PLAYER, ::4, ::4] = 5.0  # more players than candidates
    logits[0, BALL, 6, 6] = 4.0
    boxes = torch.ones(1, 3, 4, 16, 24)
    boxes[:, BALL] = 0.0
    model.center_head.forward = lambda x: (logits, boxes)
    (sample,) = model.test_step(make_batch(make_sample()))
    best = sample.pred_instances[0]
    assert best.labels.item() == BALL
    torch.testing.assert_close(best.scores, torch.tensor([4.0]).sigmoid())
    # Pixel (6, 6) of stride 4, 8 x 8 pixels; the image file is twice as wide, three times as high.
    torch.testing.assert_close(best.bboxes, torch.tensor([[44.0, 66.0, 60.0, 90.0]]))


def test_a_branch_for_other_classes_adds_no_balls(build, make_config, make_sample, make_batch):
    config = make_config("DETR", balls=True)
    config["center_head"]["labels"] = (PLAYER,)
    (sample,) = build(config).eval().test_step(make_batch(make_sample()))
    assert len(sample.pred_instances) == QUERIES


@pytest.mark.parametrize(
    ("found", "balls", "expected"),
    [
        pytest.param(
            [[10, 10, 14, 14, 0.6, BALL]],
            [[11, 11, 15, 15, 0.7, BALL]],
            [[11, 11, 15, 15, 0.7, BALL]],
            id="the same ball twice",
        ),
        pytest.param(
            [[10, 10, 14, 14, 0.8, BALL]],
            [[14, 10, 18, 14, 0.7, BALL]],
            [[10, 10, 14, 14, 0.8, BALL], [14, 10, 18, 14, 0.7, BALL]],
            id="a ball next to another, just its width away",
        ),
        pytest.param(
            [[10, 10, 20, 20, 0.7, BALL]],
            [[18, 13, 22, 17, 0.8, BALL]],
            [[18, 13, 22, 17, 0.8, BALL], [10, 10, 20, 20, 0.7, BALL]],
            id="a small better ball beside a large one",
        ),
        pytest.param(
            [[10, 10, 20, 20, 0.9, BALL]],
            [[18, 13, 22, 17, 0.8, BALL]],
            [[10, 10, 20, 20, 0.9, BALL]],
            id="a small ball beside a large better one",
        ),
        pytest.param(
            [[10, 10, 14, 14, 0.9, BALL]],
            [[12, 10, 16, 14, 0.8, BALL], [15, 10, 19, 14, 0.7, BALL]],
            [[10, 10, 14, 14, 0.9, BALL], [15, 10, 19, 14, 0.7, BALL]],
            id="a dropped ball drops no other",
        ),
        pytest.param(
            [[10, 10, 14, 14, 0.6, PLAYER], [9, 9, 15, 15, 0.5, REFEREE]],
            [[10, 10, 14, 14, 0.7, BALL]],
            [
                [10, 10, 14, 14, 0.7, BALL],
                [10, 10, 14, 14, 0.6, PLAYER],
                [9, 9, 15, 15, 0.5, REFEREE],
            ],
            id="others at the ball's place stay",
        ),
        pytest.param(
            [[0, 0, 9, 30, 0.6, PLAYER], [0, 0, 9, 30, 0.7, PLAYER]],
            [],
            [[0, 0, 9, 30, 0.7, PLAYER], [0, 0, 9, 30, 0.6, PLAYER]],
            id="no ball",
        ),
        pytest.param([], [], [], id="nothing"),
    ],
)
def test_balls_of_two_sources(found, balls, expected):
    merged, expected = merge_balls(instances(*found), instances(*balls)), instances(*expected)
    for name, values in expected.items():
        assert torch.equal(merged[name], values), name


@pytest.mark.parametrize("missing", ["center_neck", "center_head"])
def test_half_a_branch_is_an_error(build, make_config, missing):
    config = make_config("DETR", balls=True)
    del config[missing]
    with pytest.raises(ConfigError, match="needs both center_neck and center_head"):
        build(config)


@all_models
def test_tensor_mode_gives_the_outputs_of_the_heads(
    build, make_config, make_sample, make_batch, family, balls
):
    model = build(make_config(family, balls)).eval()
    data = model.data_preprocessor(make_batch(make_sample()))
    logits, boxes, centers = model(**data, mode="tensor")
    assert logits.shape == (2, 1, QUERIES, 4 if family == "DETR" else 3)
    assert boxes.shape == (2, 1, QUERIES, 4)
    assert (centers is None) == (not balls and family != "CenterDINO")


def published(build, make_config, make_twin, tmp_path, family, num_queries, num_classes):
    """A file of mmdet's own model, and its weights."""
    config = make_config(family)
    config["num_queries"] = num_queries
    weights = build(make_twin(config, num_classes)).state_dict()
    torch.save(dict(state_dict=weights, meta={}), tmp_path / "published.pth")
    return dict(type="Pretrained", checkpoint=str(tmp_path / "published.pth")), weights


def warnings_of(log):
    return [record.getMessage() for record in log.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("family", "of_classes"),
    [
        ("DETR", ["bbox_head.fc_cls.weight", "bbox_head.fc_cls.bias"]),
        ("ConditionalDETR", ["bbox_head.fc_cls.weight", "bbox_head.fc_cls.bias"]),
        (
            "DINO",
            [f"bbox_head.cls_branches.{i}.{name}" for i in range(3) for name in ("weight", "bias")]
            + ["dn_query_generator.label_embedding.weight"],
        ),
    ],
)
def test_published_weights_of_other_classes_and_more_queries(
    build, make_config, make_twin, tmp_path, log, family, of_classes
):
    init_cfg, weights = published(build, make_config, make_twin, tmp_path, family, 100, 80)
    log.clear()
    model = build(make_config(family) | dict(init_cfg=init_cfg))
    assert warnings_of(log) == [
        f"the weights have 100 queries, of which the first {QUERIES} are taken",
        f"the weights are of other classes: {', '.join(of_classes)} start anew, for the classes of "
        "this model",
    ]
    own = model.state_dict()
    assert set(own) == set(weights)
    for name, value in weights.items():
        if name == "query_embedding.weight":
            assert torch.equal(own[name], value[:QUERIES])
        elif name not in of_classes:
            assert torch.equal(own[name], value), name
    assert own[of_classes[-1]].shape[0] in (3, 4)
    if family == "ConditionalDETR":
        # Still the bias that focal loss needs.
        assert torch.allclose(own["bbox_head.fc_cls.bias"].sigmoid(), torch.tensor(0.01))


def test_weights_of_the_same_classes_load_without_a_word(
    build, make_config, make_twin, tmp_path, log
):
    init_cfg, weights = published(build, make_config, make_twin, tmp_path, "DINO", QUERIES, 3)
    log.clear()
    model = build(make_config("DINO", balls=True) | dict(init_cfg=init_cfg))
    assert not [text for text in warnings_of(log) if "the weights" in text]
    own = model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in weights.items())
    prior = model.center_head.heatmap.bias.sigmoid()
    assert torch.allclose(prior, torch.tensor(0.01))


def test_a_download_that_fails_is_a_warning(build, make_config, monkeypatch, log):
    asked = []
    monkeypatch.setattr(pretrained, "_download", lambda url: asked.append(url) or "no network")
    config = make_config("DETR")
    config["backbone"]["init_cfg"] = dict(type="Pretrained", checkpoint="https://a.org/b.pth")
    init_cfg = dict(type="Pretrained", checkpoint="https://example.org/detr.pth")
    log.clear()
    model = build(config | dict(init_cfg=init_cfg))
    assert sorted(asked) == ["https://a.org/b.pth", "https://example.org/detr.pth"]
    assert [text.partition(" (")[0] for text in warnings_of(log)] == [
        "pretrained weights https://example.org/detr.pth could not be fetched",
        "pretrained weights https://a.org/b.pth could not be fetched",
    ]
    assert model.is_init
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_a_wrong_local_path_is_an_error(build, make_config, tmp_path):
    init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "absent.pth"))
    with pytest.raises(CheckpointError, match=r"absent\.pth' is not a file"):
        build(make_config("DINO") | dict(init_cfg=init_cfg))
