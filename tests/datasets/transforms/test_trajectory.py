from __future__ import annotations

import numpy as np
import pytest
import torch

from footmm.datasets.transforms import PackTrajectoryInputs

META = dict(
    match="a",
    source="test",
    rate=6.25,
    period=2,
    pitch_size=(105.0, 68.0),
    agent_ids=["7", "", "ball"],
    num_observed=2,
)


@pytest.fixture
def window():
    return META | dict(
        positions=np.arange(24, dtype=np.float32).reshape(4, 3, 2),
        present=np.arange(12).reshape(4, 3) % 5 > 0,
        team=np.array([0, 1, 2]),
        goalkeeper=np.array([True, False, False]),
        frame_ids=np.arange(10, 14),
        strategy=np.array([3, 5]),
        has_strategy=np.array([True, False]),
        sample_idx=4,
    )


def test_pack(window):
    packed = PackTrajectoryInputs().transform(window)
    assert packed.keys() == {"inputs", "data_samples"}
    inputs, sample = packed["inputs"], packed["data_samples"]
    assert inputs.keys() == {"positions", "present", "team", "goalkeeper"}
    for name, tensor in inputs.items():
        np.testing.assert_array_equal(tensor.numpy(), window[name])
        assert torch.equal(sample.get(name), tensor)
    assert (inputs["positions"].dtype, inputs["present"].dtype) == (torch.float32, torch.bool)
    assert sample.strategy.tolist() == [3, 5]
    assert sample.has_strategy.tolist() == [True, False]
    meta = dict(sample.metainfo)
    assert meta.pop("frame_ids").tolist() == [10, 11, 12, 13]
    assert meta == META


def test_without_labels(window):
    for name in ("strategy", "has_strategy"):
        del window[name]
    sample = PackTrajectoryInputs().transform(window)["data_samples"]
    assert "strategy" not in sample
    assert "has_strategy" not in sample
