from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from footmm.errors import DataFormatError
from footmm.structures.predicted_trajectories import PredictedTrajectories

T, OBSERVED, AGENTS = 5, 2, 4


@pytest.fixture
def sample():
    """Agent 1 comes when the future has begun, 2 leaves it, 3 is never there."""
    generator = torch.Generator().manual_seed(0)
    present = torch.ones(T, AGENTS, dtype=torch.bool)
    present[:3, 1] = present[4:, 2] = present[:, 3] = False
    future = T - OBSERVED
    meta = dict(
        match="a",
        source="test",
        rate=5.0,
        frame_ids=np.arange(T),
        pitch_size=[105.0, 68.0],
        agent_ids=["4", "5", "6", ""],
        num_observed=OBSERVED,
    )
    return BaseDataElement(
        metainfo=meta,
        positions=torch.randn(T, AGENTS, 2, generator=generator),
        present=present,
        team=torch.tensor([0, 0, 1, 2]),
        goalkeeper=torch.zeros(AGENTS, dtype=torch.bool),
        pred_positions=torch.randn(3, future, AGENTS, 2, generator=generator).requires_grad_(),
        pred_scores=torch.tensor([0.2, 0.5, 0.3]),
        pred_scales=torch.ones(3, future, AGENTS, 2),
    )


@pytest.mark.parametrize("form", ["data sample", "dict"])
def test_reads_predictions(sample, form):
    window = PredictedTrajectories.from_sample(
        sample if form == "data sample" else sample.to_dict()
    )
    assert (window.match, window.source, window.rate) == ("a", "test", 5.0)
    assert window.pitch_size == (105.0, 68.0)
    assert window.agent_ids == ("4", "5", "6", "")
    assert window.predictions.shape == window.scales.shape == (3, T - OBSERVED, AGENTS, 2)
    assert window.positions.dtype == np.float64
    assert (window.present.dtype, window.team.dtype) == (bool, np.int64)
    np.testing.assert_array_equal(window.predictions, sample.pred_positions.detach().numpy())


def test_future(sample):
    window = PredictedTrajectories.from_sample(sample)
    np.testing.assert_array_equal(window.future, sample.positions[OBSERVED:].numpy())
    assert window.duration_s == pytest.approx(0.6)
    expected = sample.pred_positions[1].detach().numpy()
    np.testing.assert_array_equal(window.most_probable, expected)


def test_scored_are_those_who_are_there_when_the_future_begins(sample):
    scored = PredictedTrajectories.from_sample(sample).scored
    assert scored.tolist() == [
        [True, False, True, False],
        [True, False, True, False],
        [True, False, False, False],
    ]


def test_scales_may_be_missing(sample):
    del sample.pred_scales
    assert PredictedTrajectories.from_sample(sample).scales is None


@pytest.mark.parametrize("key", ["pred_positions", "pred_scores", "present"])
def test_missing_key(sample, key):
    content = sample.to_dict()
    del content[key]
    with pytest.raises(DataFormatError, match=f"of match 'a' has no '{key}'; look at the test pip"):
        PredictedTrajectories.from_sample(content)
