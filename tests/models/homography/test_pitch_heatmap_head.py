"""The head: shapes, targets, mirror images."""

import numpy as np
import pytest
import torch

from footmm.errors import ConfigError
from footmm.pitch.dimensions import STRAIGHT_LINE_CLASSES

FEATURES = (torch.zeros(2, 64, 2, 3),)


@pytest.mark.parametrize(
    ("keypoint_set", "with_lines", "maps"), [("kp29", False, 29), ("kp57", True, 80)]
)
def test_one_map_for_each_keypoint_and_line(build, make_configs, keypoint_set, with_lines, maps):
    head = build(make_configs(keypoint_set, with_lines).head)
    assert head(FEATURES).shape == (2, maps, 16, 24)


def test_an_untrained_head_answers_the_prior_probability(build, make_configs):
    probabilities = build(make_configs().head)(FEATURES).sigmoid()
    assert torch.allclose(probabilities, torch.tensor(0.01), rtol=0.05)


def test_maps_of_a_scene_decode_to_its_keypoints_and_lines(build, make_configs, scene):
    config = dict(keypoint_set="kp57", with_lines=True, input_size=(480, 288))
    head, view = build(make_configs(**config).head), scene(**config)
    head.forward = lambda feats: view.logits
    (found,) = head.predict(FEATURES)
    seen = view.visible > 0
    assert seen.sum() > 15
    assert np.abs(found.keypoints - view.keypoints)[seen].max() < 0.1
    assert found.keypoint_scores[seen].min() > 0.8
    assert found.keypoint_scores[~seen].max() < 1e-5
    assert found.line_ends.shape == (1, 23, 2, 2)
    drawn = np.array([name in view.lines for name in STRAIGHT_LINE_CLASSES])
    assert (found.line_scores[0][~drawn] < 1e-5).all()
    assert (found.line_scores[0][drawn].max(1) > 0.8).all()


@pytest.mark.parametrize(("keypoint_set", "with_lines"), [("kp29", False), ("kp57", True)])
def test_flip_test_puts_the_mirrored_maps_back_in_place(
    build, make_configs, scene, keypoint_set, with_lines
):
    config = dict(keypoint_set=keypoint_set, with_lines=with_lines)
    head, view = build(make_configs(**config).head), scene(**config)
    head.forward = lambda logits: logits
    (plain,) = head.predict(view.logits)
    (both,) = head.predict([view.logits, view.mirrored().logits], None, dict(flip_test=True))
    for name, values in plain.items():
        np.testing.assert_allclose(both[name], values, atol=1e-3, err_msg=name)


def test_mirrored_lines_have_their_sides_swapped(build, make_configs):
    head = build(make_configs("kp57", True).head)
    line = STRAIGHT_LINE_CLASSES.index
    assert head.mirrored_channels[:57] == list(head.keypoint_set.flip_indices)
    lines = [channel - 57 for channel in head.mirrored_channels[57:]]
    assert lines[line("Side line left")] == line("Side line right")
    assert lines[line("Goal left post left")] == line("Goal right post right")
    assert lines[line("Middle line")] == line("Middle line")
    assert sorted(lines) == list(range(23))


def test_losses_have_the_configured_names(build, make_configs, scene):
    config = dict(keypoint_set="kp57", with_lines=True)
    head, samples = build(make_configs(**config).head), [scene(**config).sample()] * 2
    assert set(head.loss(FEATURES, samples)) == {"loss_keypoint", "loss_line", "loss_reprojection"}
    plain = build(make_configs().head | dict(loss_reprojection=None))
    assert set(plain.loss(FEATURES, [scene().sample()] * 2)) == {"loss_keypoint"}


def test_keypoints_out_of_view_do_not_enter_the_reprojection_loss(build, make_configs, scene):
    head, view = build(make_configs().head), scene()
    given = {}
    head.loss_reprojection.forward = lambda maps, points, weights: (
        given.update(weights=weights) or maps.sum()
    )
    sample = view.sample()
    assert (sample.gt_instance_labels.keypoint_weights == 1).all()
    head.loss((FEATURES[0][:1],), [sample])
    assert torch.equal(given["weights"], torch.from_numpy(view.visible))


def test_losses_vanish_for_a_head_that_knows_the_answer(build, make_configs, scene):
    head, view = build(make_configs().head), scene()
    untrained = head.loss((FEATURES[0][:1],), [view.sample()])
    head.forward = lambda feats: view.logits
    trained = head.loss(FEATURES, [view.sample()])
    assert trained["loss_keypoint"] < 0.2 * untrained["loss_keypoint"]
    assert trained["loss_reprojection"] < 0.1


def test_another_heatmap_size_than_the_pipelines_is_an_error(build, make_configs, scene):
    head = build(make_configs().head)
    with pytest.raises(ConfigError, match=r"heatmaps are of shape \(29, 8, 8\).* \(29, 16, 24\)"):
        head.loss(FEATURES, [scene(input_size=(32, 32)).sample()] * 2)


def test_a_pipeline_without_lines_is_an_error(build, make_configs, scene):
    head = build(make_configs(with_lines=True).head)
    with pytest.raises(ConfigError, match="no line_heatmaps: the encoder of the training pipeline"):
        head.loss(FEATURES, [scene().sample()] * 2)


def test_an_unknown_keypoint_set_is_an_error(build, make_configs):
    with pytest.raises(ConfigError, match="'kp28' is unknown; did you mean 'kp29'"):
        build(make_configs().head | dict(keypoint_set="kp28"))
