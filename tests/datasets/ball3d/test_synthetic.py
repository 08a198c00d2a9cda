"""Synthetic windows of the ball."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from footmm.datasets.ball3d import SyntheticBall3DDataset
from footmm.datasets.samplers import WindowBlockSampler
from footmm.errors import ConfigError
from footmm.registry import DATASETS

TINY = dict(num_samples=6, num_frames=12, num_future=5, windows_per_block=3, cached_blocks=2)


@pytest.fixture(scope="module")
def dataset():
    return SyntheticBall3DDataset(**TINY)


def test_labels_and_image_agree(dataset):
    for index in range(len(dataset)):
        sample = dataset[index]
        assert sample["positions"].shape == sample["velocities"].shape == (12, 3)
        assert sample["future_positions"].shape == (5, 3)
        assert sample["frame_ids"].shape == sample["mode"].shape == (12,)
        seen = sample["visible"]
        assert seen.any()
        world = torch.as_tensor(sample["positions"].astype(float))[:, None]
        pixels = sample["camera"].project(world)[:, 0].numpy()
        assert np.allclose(sample["true_points"][seen], pixels[seen], atol=1e-2)
        # The ball is 22 cm wide: its edges, level with its centre, are a diameter apart.
        right = sample["camera"].rotation[:, 0].numpy() * 0.11
        ends = [sample["camera"].project(world + sign * right[:, None])[:, 0] for sign in (-1, 1)]
        wide = torch.linalg.vector_norm(ends[1] - ends[0], dim=-1).numpy()
        assert np.allclose(sample["true_diameters"][seen], wide[seen], rtol=0.03)


def test_splits_and_seeds_differ_and_repeat(dataset):
    same = SyntheticBall3DDataset(**TINY)
    assert np.array_equal(dataset[4]["positions"], same[4]["positions"])
    assert np.array_equal(dataset[4]["camera"].position, same[4]["camera"].position)
    for other in (dict(split="test"), dict(split="valid"), dict(seed=1)):
        others = SyntheticBall3DDataset(**TINY, **other)
        pairs = [(others[index], dataset[index]) for index in range(6)]
        assert not any(np.array_equal(a["true_points"], b["true_points"]) for a, b in pairs)
        assert not all(np.array_equal(a["positions"], b["positions"]) for a, b in pairs)


def test_it_is_registered_and_drawn_block_by_block(dataset):
    built = DATASETS.build(dict(TINY, type="SyntheticBall3DDataset"))
    assert built.metainfo["synthetic"]
    assert built.metainfo["task"] == "ball3d"
    order = list(WindowBlockSampler(dataset, seed=0))
    assert sorted(order) == list(range(6))
    assert len({index // 3 for index in order[:3]}) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(split="training"), "splits are train, valid, test"),
        (dict(num_samples=0), "num_samples is at least 1"),
        (dict(num_frames=0), "num_frames=0"),
        (dict(rate=-1.0), "above 0"),
    ],
)
def test_impossible_arguments_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticBall3DDataset(**arguments)
