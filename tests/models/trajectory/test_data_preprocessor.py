"""From the windows of a data loader to the batch of the model."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement

from footmm.models import TrajectoryDataPreprocessor


@pytest.fixture
def batch(tracks):
    samples = []
    for window in range(3):
        inputs = {name: part[window] for name, part in tracks._asdict().items()}
        sample = BaseDataElement(positions=inputs["positions"])
        samples.append(dict(inputs=inputs, data_samples=sample))
    return pseudo_collate(samples)


def test_stacks_without_changes_in_tests(batch, tracks):
    found = TrajectoryDataPreprocessor(mirror_prob=1, swap_prob=1, drop_share=1)(batch)
    assert found["inputs"].keys() == tracks._asdict().keys()
    for name, part in tracks._asdict().items():
        assert torch.equal(found["inputs"][name], part)
    assert len(found["data_samples"]) == 3


def test_augments_in_training(batch, tracks):
    preprocessor = TrajectoryDataPreprocessor(mirror_prob=1, swap_prob=1, drop_share=0)
    found = preprocessor(batch, training=True)
    # Half a turn and the mirror leave y as it was.
    assert torch.equal(found["inputs"]["positions"], tracks.positions * torch.tensor([-1, 1]))
    assert found["inputs"]["team"][0].tolist() == [1, 1, 1, 0, 0, 0, 2]
    # The truth that metrics read is not touched.
    assert torch.equal(found["data_samples"][1].positions, tracks.positions[1])


def test_every_augmentation_can_be_turned_off(batch, tracks):
    preprocessor = TrajectoryDataPreprocessor(mirror_prob=0, swap_prob=0, drop_share=0)
    found = preprocessor(batch, training=True)["inputs"]
    assert all(torch.equal(found[name], part) for name, part in tracks._asdict().items())
    gone = TrajectoryDataPreprocessor(drop_share=1)(batch, training=True)["inputs"]
    assert not gone["present"].any()
    assert not gone["positions"].any()


def test_windows_are_augmented_one_by_one(make_tracks):
    torch.manual_seed(0)
    tracks = make_tracks(batch=100)
    inputs = {name: list(part) for name, part in tracks._asdict().items()}
    preprocessor = TrajectoryDataPreprocessor(mirror_prob=0.25, swap_prob=0.5, drop_share=0)
    found = preprocessor(dict(inputs=inputs), training=True)["inputs"]
    swapped = found["team"][:, 0] == 1
    assert 0.35 < swapped.float().mean() < 0.65
    mirrored = (
        found["positions"][:, 0, 0, 1]
        * found["positions"][:, 0, 0, 0]
        * (tracks.positions[:, 0, 0, 1] * tracks.positions[:, 0, 0, 0])
    )
    there = tracks.present[:, 0, 0]
    assert 0.1 < (mirrored[there] < 0).float().mean() < 0.4


def test_what_stands_for_missing_positions_is_dropped(batch, tracks):
    missing = ~tracks.present[0]
    batch["inputs"]["positions"][0][missing] = torch.nan
    found = TrajectoryDataPreprocessor()(batch)
    assert (found["inputs"]["positions"][0][missing] == 0).all()
    assert found["inputs"]["positions"].isfinite().all()
