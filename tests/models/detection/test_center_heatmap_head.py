"""The head on fine maps: hand-made maps, targets and what is ignored."""

from __future__ import annotations

import math

import pytest
import torch

from footmm.errors import ConfigError
from footmm.structures.detected_objects import BALL, PLAYER, REFEREE

MAP = (16, 24)
BALLS = [[60.5, 30.5, 65.5, 35.5], [4.0, 8.0, 8.0, 14.0]]
CENTERED = [[8.0, 12.0, 12.0, 16.0]]
"""Its centre is that of pixel (2, 3) of the map."""


@pytest.fixture
def head(build, make_config):
    return build(make_config("DETR", balls=True)["center_head"])


@pytest.fixture
def head_of_two(build, make_config):
    config = make_config("DETR", balls=True)["center_head"]
    return build(config | dict(labels=(REFEREE, PLAYER)))


@pytest.fixture
def features():
    return torch.randn(2, 16, *MAP, generator=torch.Generator().manual_seed(0))


def perfect_boxes(*boxes, stride=4):
    """What all pixels say of the ball next to them, ``(1, 4, h, w)``."""
    y, x = (torch.arange(n) + 0.5 for n in MAP)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"))
    boxes = torch.tensor(boxes) / stride
    centers, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    offsets = centers[:, :, None, None] - grid
    nearest = offsets.square().sum(dim=1).argmin(dim=0)
    offset = torch.where(nearest == 0, offsets[0], offsets[-1])
    size = torch.where(nearest == 0, sizes[0, :, None, None], sizes[-1, :, None, None])
    return torch.cat([offset, (size / 2).log()])[None]


def test_maps_have_the_size_of_the_features(head, features):
    logits, boxes = head(features)
    assert logits.shape == (2, 1, *MAP)
    assert boxes.shape == (2, 1, 4, *MAP)


def test_starts_from_empty_maps_and_balls_of_eight_pixels(head):
    logits, boxes = head.eval()(torch.zeros(1, 16, *MAP))
    assert torch.allclose(logits.sigmoid(), torch.tensor(0.01))
    assert not boxes.any()


def test_maps_decode_to_exact_boxes(head):
    logits = torch.full((2, 1, *MAP), -8.0)
    logits[0, 0, 8, 15], logits[0, 0, 2, 1] = 1.0, 3.0
    logits[1, 0, 15, 23] = 2.0
    boxes = torch.stack([perfect_boxes(*BALLS), torch.zeros(1, 4, *MAP)])
    found, other = head.predict((logits, boxes))
    assert len(found) == len(other) == head.max_per_img
    torch.testing.assert_close(found.bboxes[:2], torch.tensor([BALLS[1], BALLS[0]]))
    torch.testing.assert_close(found.scores[:2], torch.tensor([3.0, 1.0]).sigmoid())
    torch.testing.assert_close(other.bboxes[0], torch.tensor([90.0, 58.0, 98.0, 66.0]))
    assert found.labels.tolist() == [BALL] * head.max_per_img
    assert (found.scores.diff() <= 0).all()


def test_a_ball_is_found_from_the_pixel_beside_its_own(head):
    logits = torch.full((1, 1, *MAP), -8.0)
    logits[0, 0, 9, 14] = 3.0  # its own is (8, 15)
    (found,) = head.predict((logits, perfect_boxes(BALLS[0])[None]))
    torch.testing.assert_close(found.bboxes[0], torch.tensor(BALLS[0]))


def test_each_class_has_its_heatmap_and_boxes(head_of_two, features):
    logits, boxes = torch.full((1, 2, *MAP), -8.0), torch.zeros(1, 2, 4, *MAP)
    logits[0, 0, 8, 15], logits[0, 1, 2, 1], logits[0, 1, 12, 4] = 1.0, 3.0, 2.0
    boxes[0, 1, 3] = math.log(4.0)
    assert head_of_two(features)[0].shape == (2, 2, *MAP)
    assert head_of_two(features)[1].shape == (2, 2, 4, *MAP)
    (found,) = head_of_two.predict((logits, boxes), 3)
    assert found.labels.tolist() == [PLAYER, PLAYER, REFEREE]
    expected = [[2.0, -6.0, 10.0, 26.0], [14.0, 34.0, 22.0, 66.0], [58.0, 30.0, 66.0, 38.0]]
    torch.testing.assert_close(found.bboxes, torch.tensor(expected))
    for label, rows in ((REFEREE, [2]), (PLAYER, [0, 1])):
        (of_class,) = head_of_two.predict((logits, boxes), len(rows), label=label)
        assert of_class.labels.tolist() == [label] * len(rows)
        assert torch.equal(of_class.bboxes, found.bboxes[rows])


def test_classes_learn_their_own_boxes_and_count_alike(head_of_two, make_sample):
    boxes = torch.zeros(1, 2, 4, *MAP, requires_grad=True)
    outputs = torch.full((1, 2, *MAP), -8.0), boxes
    player, referees = [8.0, 12.0, 16.0, 20.0], [[40.0, 40.0, 48.0, 48.0], [72.0, 8.0, 80.0, 16.0]]
    sample = make_sample([player, *referees], [PLAYER, REFEREE, REFEREE])
    head_of_two.loss(outputs, [sample])["loss_center_box"].backward()
    of_referees, of_players = boxes.grad[0].abs().sum(dim=1) > 0
    assert of_players.nonzero().float().mean(dim=0).tolist() == [4.0, 3.0]
    assert of_referees.nonzero().float().mean(dim=0).tolist() == [7.0, 15.0]
    alone = head_of_two.loss(outputs, [make_sample([player], [PLAYER])])["loss_center_box"]
    twice = head_of_two.loss(outputs, [make_sample(referees, [REFEREE] * 2)])["loss_center_box"]
    together = head_of_two.loss(outputs, [sample])["loss_center_box"]
    torch.testing.assert_close(together, alone + twice)


def test_targets_are_on_the_heatmap_of_their_class(head_of_two, make_sample):
    sample = make_sample([CENTERED[0], BALLS[0], [40.0, 40.0, 44.0, 44.0]], [PLAYER, BALL, REFEREE])
    logits = torch.full((1, 2, *MAP), -4.6).requires_grad_()
    losses = head_of_two.loss((logits, torch.zeros(1, 2, 4, *MAP)), [sample])
    losses["loss_center_heatmap"].backward()
    assert logits.grad.flatten(2).argmin(dim=2).tolist() == [[10 * 24 + 10, 3 * 24 + 2]]


def test_an_ignored_object_masks_the_heatmap_of_its_class(head_of_two, make_sample):
    sample = make_sample([], [], ignored_balls=CENTERED)
    sample.ignored_instances.labels[:] = PLAYER
    logits = torch.zeros(1, 2, *MAP, requires_grad=True)
    losses = head_of_two.loss((logits, torch.zeros(1, 2, 4, *MAP)), [sample])
    losses["loss_center_heatmap"].backward()
    assert logits.grad[0, 0].all()
    assert not logits.grad[0, 1].any()


@pytest.mark.parametrize("labels", [(), (1, 1), (0, 3), (-1,)])
def test_wrong_labels_are_errors(build, make_config, labels):
    config = make_config("DETR", balls=True)["center_head"] | dict(labels=labels)
    with pytest.raises(ConfigError, match=r"give some of 0 to 2 \(player, ball, referee\)"):
        build(config)


def test_losses_vanish_for_perfect_maps(head, features, make_sample):
    sample = make_sample(CENTERED, [BALL])
    untrained = head.loss(head(features[:1]), [sample])
    y, x = (torch.arange(n) for n in MAP)
    heights = torch.exp(-((x - 2).square() + (y - 3).square()[:, None]) / 2)
    logits = heights[None, None].logit(eps=1e-6)
    trained = head.loss((logits, perfect_boxes(*CENTERED)[None]), [sample])
    assert set(trained) == set(untrained) == {"loss_center_heatmap", "loss_center_box"}
    assert trained["loss_center_heatmap"] < 0.02 * untrained["loss_center_heatmap"]
    assert trained["loss_center_box"].item() == pytest.approx(0.0, abs=1e-6)


def test_only_balls_are_targets(head, features, make_sample):
    with_players = make_sample(
        [[20.0, 20.0, 30.0, 40.0], *CENTERED, [50.0, 10.0, 60.0, 40.0]], [PLAYER, BALL, PLAYER]
    )
    losses, expected = (
        head.eval().loss(head(features[:1]), [sample])
        for sample in (with_players, make_sample(CENTERED, [BALL]))
    )
    assert losses == expected


def test_losses_are_for_each_ball(head, features, make_sample):
    both = features[:1].repeat(2, 1, 1, 1)
    sample = make_sample(CENTERED, [BALL])
    one, two = (head.eval().loss(head(both[:n]), [sample] * n) for n in (1, 2))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value)


def test_an_ignored_ball_masks_the_heatmap_of_its_image(head, features, make_sample):
    samples = [make_sample(CENTERED, [BALL], ignored_balls=[BALLS[0]]), make_sample(*[[]] * 2)]
    features.requires_grad_()
    losses = head.eval().loss(head(features), samples)
    (by_features,) = torch.autograd.grad(losses["loss_center_heatmap"], features, retain_graph=True)
    assert not by_features[0].any()
    assert by_features[1].any()
    # What is known of the other ball's box is still learnt.
    (by_features,) = torch.autograd.grad(losses["loss_center_box"], features)
    assert by_features[0].any()


def test_an_ignored_player_masks_nothing(head, features, make_sample):
    plain, other = make_sample(CENTERED, [BALL]), make_sample(CENTERED, [BALL], ignored_balls=BALLS)
    other.ignored_instances.labels[:] = PLAYER
    losses, expected = (head.eval().loss(head(features[:1]), [sample]) for sample in (other, plain))
    assert losses == expected


def test_no_balls_at_all_still_reach_every_parameter(head, features, make_sample):
    losses = head.loss(head(features), [make_sample([], [])] * 2)
    sum(losses.values()).backward()
    assert losses["loss_center_heatmap"] > 0
    assert losses["loss_center_box"] == 0
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_all_images_masked(head, features, make_sample):
    samples = [make_sample([], [], ignored_balls=CENTERED)] * 2
    losses = head.loss(head(features), samples)
    sum(losses.values()).backward()
    assert [value.item() for value in losses.values()] == [0.0, 0.0]


def test_a_ball_at_the_border_has_a_target(head, make_sample):
    sample = make_sample([[93.0, 60.0, 96.0, 64.0]], [BALL])
    logits = torch.full((1, 1, *MAP), math.log(0.01)).requires_grad_()
    losses = head.loss((logits, torch.zeros(1, 1, 4, *MAP)), [sample])
    losses["loss_center_heatmap"].backward()
    assert logits.grad.flatten().argmin() == 15 * 24 + 23
    assert losses["loss_center_box"].isfinite()


def test_half_precision_gives_maps_in_single(head, features):
    with torch.autocast("cpu", torch.bfloat16):
        assert [value.dtype for value in head(features)] == [torch.float32] * 2
