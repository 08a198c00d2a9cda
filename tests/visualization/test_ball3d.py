"""Pictures of the ball."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from footmm.datasets.ball3d import SyntheticBall3DDataset
from footmm.datasets.transforms import PackBall3DInputs, SimulateBallDetector
from footmm.errors import ConfigError, DataFormatError
from footmm.registry import VISUALIZERS
from footmm.structures.ball_track import BallTrack
from footmm.visualization import Ball3DVisualizer
from footmm.visualization.ball3d import animate_flight, choose_tracks


@pytest.fixture(scope="module")
def samples():
    dataset = SyntheticBall3DDataset(
        num_samples=3, num_frames=10, num_future=5, windows_per_block=3
    )
    detector, pack = SimulateBallDetector(seed=0), PackBall3DInputs()
    return [pack.transform(detector.transform(dataset[i]))["data_samples"] for i in range(3)]


@pytest.fixture(scope="module")
def predicted(samples):
    for number, sample in enumerate(samples):
        sample.pred_positions = sample.positions + number
        sample.pred_velocities = sample.velocities.clone()
        sample.pred_scales = torch.full((10, 2), 0.5)
        sample.pred_mode_scores = torch.eye(4)[sample.mode]
        sample.pred_reliable = torch.ones(10, dtype=torch.bool)
        sample.pred_future = sample.future_positions + number
    return samples


def test_samples_are_drawn(predicted):
    pictures = Ball3DVisualizer(num_samples=2).draw_samples(predicted)
    assert set(pictures) == {"flights", "errors"}
    assert all(picture.ndim == 3 and picture.std() > 5 for picture in pictures.values())
    assert Ball3DVisualizer().draw_samples([]) == {}


def test_unlabelled_windows_have_no_errors_to_plot(predicted):
    (window,) = (sample.clone() for sample in predicted[:1])
    window.has_position = torch.zeros(10, dtype=torch.bool)
    window.calibrated = torch.zeros(10, dtype=torch.bool)
    assert set(Ball3DVisualizer().draw_samples([window])) == {"flights"}


@pytest.mark.parametrize("labelled", [True, False])
def test_a_dataset_sample_is_drawn_without_prediction(samples, labelled):
    sample = samples[0].clone()
    for name in ("has_position", "has_future"):
        sample.set_field(sample.get(name) & labelled, name)
    for name in list(sample.keys()):
        if name.startswith("pred_"):
            sample.pop(name)
    picture = VISUALIZERS.build(dict(type="Ball3DVisualizer", name="ball3d")).draw_dataset_sample(
        None, sample
    )
    assert picture.std() > 5


def test_the_worst_windows_come_first(predicted):
    tracks = [BallTrack.from_sample(sample) for sample in predicted]
    assert choose_tracks(tracks, 2) == [tracks[2], tracks[0]]
    assert choose_tracks(tracks, 1) == [tracks[2]]
    assert len(choose_tracks(tracks, 9)) == 3


def test_an_animation_is_written_whole_or_not_at_all(predicted, tmp_path):
    track = BallTrack.from_sample(predicted[0])
    animate_flight(track, tmp_path / "flight.gif")
    with Image.open(tmp_path / "flight.gif") as animation:
        assert animation.n_frames == 10
    with pytest.raises(ConfigError, match=r"\.gif, \.mp4"):
        animate_flight(track, tmp_path / "flight.avi")
    assert [path.name for path in tmp_path.iterdir()] == ["flight.gif"]


def test_a_sample_without_prediction_is_named(samples):
    sample = samples[0].clone()
    sample.pop("pred_positions", None)
    with pytest.raises(DataFormatError, match="has no 'pred_positions'"):
        Ball3DVisualizer().draw_samples([sample])
