"""DINO whose queries start at the peaks of heatmaps."""

from __future__ import annotations

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from footmm.errors import ConfigError
from footmm.structures.detected_objects import BALL, PLAYER, REFEREE

SMALL = (48, 80)
MAP = (16, 24)
QUERIES = 12


class Decoder(nn.Module):
    """Remembers its inputs instead of decoding them."""

    num_layers = 2

    def forward(self, **inputs):
        self.inputs = inputs
        return inputs["query"][None], inputs["reference_points"][None]


@pytest.fixture
def model(build, make_config):
    return build(make_config("CenterDINO"))


@pytest.fixture
def choose(model, make_batch):
    """Runs the model up to its decoder where the heatmaps have three peaks."""
    logits, boxes = torch.full((3, *MAP), -7.0), torch.zeros(3, 4, *MAP)
    logits[PLAYER, 5, 8], logits[BALL, 11, 19], logits[REFEREE, 0, 0] = 3.0, 2.0, 1.0
    boxes[PLAYER, :, 5, 8] = torch.tensor([0.5, -0.25, -0.6931472, 0.6931472])
    model.decoder = Decoder()
    # What it is makes no difference to where it is.
    nn.init.zeros_(model.query_embedding.weight)

    def run(*samples):
        data = model.data_preprocessor(make_batch(*samples), training=model.training)
        maps, _ = model.extract_feat(data["inputs"])
        centers = tuple(
            output.repeat(len(samples), *[1] * output.ndim) for output in (logits, boxes)
        )
        return model.decode(maps, centers, data["data_samples"]), model.decoder.inputs

    return run


def expected_boxes(height, width):
    """Centres and sizes of the three peaks, shares of an image; pixels are 4 x 4."""
    pixels = [[36.0, 21.0, 4.0, 16.0], [78.0, 46.0, 8.0, 8.0], [2.0, 2.0, 8.0, 8.0]]
    return torch.tensor(pixels) / torch.tensor([width, height] * 2)


def test_queries_start_at_the_peaks_with_their_boxes(model, choose, make_sample):
    model.eval()
    decoded, inputs = choose(make_sample())
    assert set(decoded) == {"hidden_states", "references"}
    assert inputs["query"].shape == (1, QUERIES, 256)
    assert inputs["self_attn_mask"] is None
    torch.testing.assert_close(inputs["reference_points"][0, :3], expected_boxes(64, 96))


def test_shares_are_of_the_image_where_the_batch_is_padded(model, choose, make_sample):
    model.eval()
    _, inputs = choose(make_sample(size=SMALL), make_sample())
    small, large = inputs["reference_points"][:, :3]
    torch.testing.assert_close(small, expected_boxes(*SMALL))
    torch.testing.assert_close(large, expected_boxes(64, 96))


def test_queries_know_class_and_features_of_their_peaks(model, choose, make_sample):
    model.eval()
    memory = torch.zeros(2, 256, 8, 12)
    memory[:, :, 2, 4] = torch.randn(256, generator=torch.Generator().manual_seed(0))
    prepare = model.pre_transformer

    def with_this_memory(maps, data_samples):
        _, decoder_inputs = prepare(maps, data_samples)
        return dict(feat=memory.flatten(2).mT, feat_pos=0.0), decoder_inputs

    model.pre_transformer = with_this_memory
    _, inputs = choose(make_sample(size=SMALL), make_sample())
    # The player's centre is (36, 21), and those of the map's pixels are 4 + 8 n.
    share = 1 - (21 - 20) / 8
    feature = model.memory_trans_norm(model.memory_trans_fc(share * memory[0, :, 2, 4]))
    nothing = model.memory_trans_norm(model.memory_trans_fc(torch.zeros(256)))
    of_class = model.dn_query_generator.label_embedding.weight
    expected = torch.stack([feature, nothing, nothing]) + of_class[[PLAYER, BALL, REFEREE]]
    for query in inputs["query"]:
        torch.testing.assert_close(query[:3], expected)


def test_in_training_denoising_queries_come_first(model, choose, make_sample):
    decoded, inputs = choose(make_sample())
    noisy = decoded["dn_meta"]["num_denoising_queries"]
    assert noisy == 3 * 2 * 3  # objects, right and wrong ones, groups
    assert inputs["query"].shape == (1, noisy + QUERIES, 256)
    assert inputs["self_attn_mask"].shape == (noisy + QUERIES,) * 2
    guesses = inputs["reference_points"][0, noisy:]
    torch.testing.assert_close(guesses[:3], expected_boxes(64, 96))


def test_losses_of_the_decoder_do_not_move_the_guesses(model, make_sample, make_batch):
    data = model.data_preprocessor(make_batch(make_sample()), training=True)
    losses = model.train()(**data, mode="loss")
    sum(value for name, value in losses.items() if "center" not in name).backward()
    assert all(parameter.grad is None for parameter in model.center_head.parameters())
    assert model.neck.weight.grad.any()
    assert model.center_neck.output.conv.weight.grad.any()


def test_losses_have_these_names(model, make_sample, make_batch):
    data = model.data_preprocessor(make_batch(make_sample()), training=True)
    losses = model.train()(**data, mode="loss")
    terms = {
        f"{layer}{noisy}loss_{name}"
        for layer in ("", "d0.")
        for noisy in ("", "dn_")
        for name in ("cls", "bbox", "iou")
    }
    assert set(losses) == terms | {"loss_center_heatmap", "loss_center_box"}


def test_an_image_padded_within_its_batch_has_the_same_targets(model, make_sample, make_batch):
    seen = []
    model.center_head.loss_heatmap.forward = lambda pred, target, weight: (
        seen.append(target) or pred.sum()
    )
    small, large = make_sample(size=SMALL), make_sample()
    for samples in ([small], [small, large]):
        data = model.data_preprocessor(make_batch(*samples), training=True)
        model.train()(**data, mode="loss")
    assert len(seen) == 2 * 3
    for alone, padded in zip(seen[:3], seen[3:], strict=True):
        assert alone.shape == (1, 1, 12, 20)
        assert torch.equal(padded[0, :, :12, :20], alone[0])


def test_a_few_steps_lower_the_loss(model, make_sample, make_batch):
    optim_wrapper = build_optim_wrapper(
        model, dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=4e-3))
    )
    batch = make_batch(make_sample())
    model.train()
    steps = [model.train_step(batch, optim_wrapper) for _ in range(25)]
    assert all(torch.isfinite(value).all() for step in steps for value in step.values())
    assert steps[-1]["loss"] < 0.6 * steps[0]["loss"]
    assert steps[-1]["loss_center_heatmap"] < 0.6 * steps[0]["loss_center_heatmap"]


def test_mixed_precision_keeps_guesses_in_single(model, choose, make_sample):
    with torch.autocast("cpu", torch.bfloat16):
        decoded, inputs = choose(make_sample())
    noisy = decoded["dn_meta"]["num_denoising_queries"]
    guesses = inputs["reference_points"][0, noisy:]
    torch.testing.assert_close(guesses[:3], expected_boxes(64, 96))


@pytest.mark.parametrize("missing", ["num_feature_levels", "center_head"])
def test_more_than_one_map_or_no_guesses_are_errors(build, make_config, missing):
    config = make_config("CenterDINO")
    del config[missing]
    with pytest.raises(ConfigError, match="attends to one map and asks a center_head"):
        build(config)
