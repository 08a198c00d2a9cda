"""Pictures of movements: what is drawn of whom, and which windows are chosen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement
from PIL import Image

from footmm.errors import ConfigError
from footmm.registry import VISUALIZERS
from footmm.structures.predicted_trajectories import PredictedTrajectories
from footmm.visualization import TrajectoryVisualizer
from footmm.visualization import trajectory as module

RATE, OBSERVED, FUTURE = 5.0, 3, 5
HOME_PLAYER, AWAY_PLAYER, BALL = range(3)
TEAM = [0, 1, 2]
ORANGE = (213, 94, 0)


def sample(offset=0.0, missing=(), match="a"):
    """A home player, an away player and the ball walk at 5 m/s along x, on three lines.

    All are predicted ``offset`` metres aside, by the more probable of two futures.
    """
    frames = np.arange(OBSERVED + FUTURE)
    positions = np.zeros((len(frames), 3, 2))
    positions[..., 0] = frames[:, None] - 20.0
    positions[..., 1] = [10.0, -10.0, 0.0]
    present = np.ones((len(frames), 3), bool)
    present[:, list(missing)] = False
    futures = positions[None, OBSERVED:] + np.array([9.0, offset])[:, None, None, None] * [0, 1]
    return dict(
        positions=torch.tensor(positions * present[..., None]),
        present=torch.tensor(present),
        team=torch.tensor(TEAM),
        goalkeeper=torch.zeros(3, dtype=torch.bool),
        agent_ids=["h", "w", "ball"],
        match=match,
        source="test",
        rate=RATE,
        frame_ids=frames,
        pitch_size=(105.0, 68.0),
        num_observed=OBSERVED,
        pred_positions=torch.tensor(futures),
        pred_scores=torch.tensor([0.3, 0.7]),
    )


def window(**options):
    return PredictedTrajectories.from_sample(sample(**options))


def draws(picture, color):
    """Whether a colour is on the pitch; the legend, in the first two rows, has all of them."""
    return (picture[80:] == color).all(axis=-1).any()


def test_pictures_of_samples():
    visualizer = VISUALIZERS.build(dict(type="TrajectoryVisualizer", name="v", num_samples=2))
    assert isinstance(visualizer, TrajectoryVisualizer)
    pictures = visualizer.draw_samples([sample(offset) for offset in (1.0, 2.0, 3.0)])
    assert set(pictures) == {"forecasts", "errors_by_horizon"}
    for picture in pictures.values():
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
    assert visualizer.draw_samples([]) == {}
    unknown = sample(missing=(HOME_PLAYER, AWAY_PLAYER))
    assert set(visualizer.draw_samples([unknown])) == {"forecasts"}


def test_chosen_windows():
    errors = np.array([1.0, np.nan, 5.0, 2.0, 9.0, 0.0, 3.0])
    assert module.choose_windows(errors, 4) == [4, 2, 0, 3]
    assert sorted(module.choose_windows(errors, 99)) == list(range(7))
    assert module.choose_windows(errors, 0) == []


def test_error_is_that_of_the_most_probable_future_of_the_players():
    assert module.forecast_error(window(offset=2.0)) == pytest.approx(2.0)
    prediction = window().future.copy()
    prediction[:, BALL] += 50.0
    prediction[-1, AWAY_PLAYER, 1] += 5.0
    assert module.forecast_error(window(), prediction) == pytest.approx(5.0 / (2 * FUTURE))
    assert module.baseline_error(window(offset=2.0)) == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(module.forecast_error(window(missing=(HOME_PLAYER, AWAY_PLAYER))))


def test_missing_agents_are_left_out():
    assert draws(module.draw_forecast(window()), ORANGE)
    assert not draws(module.draw_forecast(window(missing=(AWAY_PLAYER,))), ORANGE)
    everybody_gone = window(missing=range(3))
    assert not draws(module.draw_forecast(everybody_gone), ORANGE)


def test_similar_situations():
    query = window(missing=(AWAY_PLAYER,))
    alone = module.draw_similar_situations(query, [], [])
    beside = module.draw_similar_situations(query, [window(), query], [0.1, 0.2])
    assert beside.shape[1] > 2.8 * alone.shape[1]
    assert [draws(picture, ORANGE) for picture in (alone, beside)] == [False, True]


def test_errors_by_horizon():
    windows = [window(offset=1.0), window(offset=3.0)]
    horizons = module._common_horizons(windows)
    np.testing.assert_allclose(horizons, np.arange(1, FUTURE + 1) / RATE)
    errors = module._mean_errors(windows, horizons)
    np.testing.assert_allclose(errors["model"], 2.0)
    np.testing.assert_allclose(errors["constant_velocity"], 0.0, atol=1e-9)
    ade, fde = errors["stand_still"]
    np.testing.assert_allclose(fde, [1, 2, 3, 4, 5])
    np.testing.assert_allclose(ade, [1, 1.5, 2, 2.5, 3])


def test_dataset_sample_without_prediction():
    content = sample()
    packed = BaseDataElement(metainfo={k: content[k] for k in ("match", "frame_ids", "pitch_size")})
    packed.set_field(OBSERVED, "num_observed", field_type="metainfo")
    for name in ("positions", "present", "team"):
        packed.set_field(content[name], name)
    assert draws(TrajectoryVisualizer().draw_dataset_sample(None, packed), ORANGE)


def test_gif(tmp_path):
    path = tmp_path / "f.gif"
    module.animate_forecast(window(offset=2.0), path)
    with Image.open(path) as animation:
        assert animation.n_frames == OBSERVED + FUTURE
        seconds = []
        for number in range(animation.n_frames):
            animation.seek(number)
            seconds.append(animation.info["duration"] / 1000)
    assert seconds[0] == pytest.approx(1 / RATE)
    assert seconds[-1] > 1.0
    assert [file.name for file in tmp_path.iterdir()] == ["f.gif"]


def test_mp4(tmp_path):
    path = tmp_path / "f.mp4"
    module.animate_forecast(window(), path)
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(RATE)
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) > OBSERVED + FUTURE


def test_failed_animation_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "f.gif"
    path.write_bytes(b"old")

    def fail(*args, **options):
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ConfigError, match="disk full"):
        module.animate_forecast(window(), path)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ConfigError, match=r"\.gif, \.mp4"):
        module.animate_forecast(window(), tmp_path / "f.avi")
