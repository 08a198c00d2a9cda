from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

import footmm.apis
from footmm.apis.ball3d_inferencer import Ball3DInferencer
from footmm.apis.config import load_config
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera
from footmm.registry import MODELS

CONFIG = Path(__file__).parents[2] / "configs/ball3d/tcn_synthetic.py"
SMALL = dict(num_frames=6, num_future=5, channels=8)


@pytest.fixture(scope="module")
def config():
    return load_config(CONFIG, SMALL)


@pytest.fixture(scope="module")
def checkpoint(config, tmp_path_factory):
    init_default_scope("footmm")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "model.pth"
    torch.save(MODELS.build(config.model).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def make(config, checkpoint):
    def make(**options):
        return Ball3DInferencer(config, checkpoint, "cpu", **options)

    return make


@pytest.fixture
def sequence(soccernet_ball_root):
    return soccernet_ball_root / "train" / "SNMOT-060"


@pytest.fixture
def cameras(soccernet_ball_root):
    return soccernet_ball_root / "cameras" / "{sequence}"


def arrays(**changes):
    """What the sequence holds: a ball in 11 of 12 frames, and a camera in all but the fifth."""
    boxes = np.full((12, 4), np.nan)
    boxes[:11] = [[900 + frame, 500, 16, 9] for frame in range(1, 12)]
    camera = Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 4000.0, (1920, 1080))
    cameras = [None if number == 4 else camera for number in range(12)]
    return dict(boxes=boxes, cameras=cameras, rate=25.0) | changes


def test_is_exported():
    assert footmm.apis.Ball3DInferencer is Ball3DInferencer


def test_a_sequence_and_its_arrays(make, sequence, cameras):
    inferencer = make(cameras=cameras)
    tracks = list(inferencer(sequence, batch_size=2))
    assert [track.frame_ids[0] for track in tracks] == [1, 4, 7]
    assert {track.sequence for track in tracks} == {"SNMOT-060"}
    same = list(make()(arrays()))
    for track, other in zip(tracks, same, strict=True):
        for name in ("observed", "calibrated", "frame_ids"):
            np.testing.assert_array_equal(getattr(track, name), getattr(other, name))
        np.testing.assert_allclose(track.pred_positions, other.pred_positions, atol=1e-3)
    assert (same[0].source, same[0].sequence) == ("arrays", "ball")
    assert not same[0].has_position.any()


def test_cameras_of_arrays(make):
    camera = Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 4000.0, (1920, 1080))
    fixed = list(make()(arrays(cameras=camera)))
    assert fixed[0].calibrated.all()
    batch = list(make()(arrays(cameras=Camera.stack([camera] * 12))))
    for track, other in zip(fixed, batch, strict=True):
        np.testing.assert_allclose(track.pred_positions, other.pred_positions, atol=1e-5)


def test_several_sequences(make, sequence, cameras, tmp_path, monkeypatch):
    blank = np.zeros((4, 4, 3), np.uint8)
    monkeypatch.setattr("footmm.apis.ball3d_inferencer.draw_flights", lambda *_: blank)
    other = sequence.with_name("SNMOT-061")
    other.mkdir()
    for file in sequence.rglob("*.*"):
        (other / file.relative_to(sequence)).parent.mkdir(exist_ok=True)
        (other / file.relative_to(sequence)).write_text(
            file.read_text().replace(sequence.name, other.name)
        )
    inferencer = make(cameras=str(cameras).replace("{sequence}", "SNMOT-060"), animation=False)
    for inputs in (sequence.parent, [sequence, other]):
        tracks = list(inferencer(inputs))
        assert [track.sequence for track in tracks] == ["SNMOT-060"] * 3 + ["SNMOT-061"] * 3
    out = tmp_path / "out"
    list(inferencer([sequence, other], out_dir=out))
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "SNMOT-060/ball.csv",
        "SNMOT-060/flights.png",
        "SNMOT-061/ball.csv",
        "SNMOT-061/flights.png",
        "summary.json",
    ]


def test_a_run_that_was_given_up(make, tmp_path):
    with make()(arrays(), batch_size=1, out_dir=tmp_path) as found:
        next(found)
    assert json.loads((tmp_path / "summary.json").read_text()) == {"complete": False, "windows": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ball.csv", "summary.json"]
    assert len((tmp_path / "ball.csv").read_text().splitlines()) == 1 + 6


def test_what_is_refused_at_the_call(make, config, sequence, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"a video")
    needs = r"boxes and the cameras of all frames are needed: tools/infer/detection\.py and"
    for wrong, error, message in (
        (tmp_path / "clip.mp4", DataFormatError, needs),
        (sequence, ConfigError, f"comes without cameras: .*{needs}"),
        ([], DatasetNotFoundError, "list of sequences is empty"),
        (np.zeros((4, 4)), DataFormatError, f"a ndarray is no sequence: .*{needs}"),
        (dict(boxes=[]), DataFormatError, "a dict of arrays does not fit"),
        (arrays(boxes=np.zeros(4)), DataFormatError, r"boxes are \(4,\), need \(frames, 4\)"),
        (arrays(boxes=np.zeros((12, 4))), DataFormatError, "no width or height"),
        (arrays(cameras=[None] * 12), DataFormatError, "not a single camera is known"),
        (arrays(cameras=[None]), DataFormatError, "there are 1 cameras for 12 boxes"),
        (arrays(rate=50.0), DataFormatError, "50 frames a second, the model was trained with 25"),
        (arrays(boxes=np.ones((3, 4)), cameras=arrays()["cameras"][:3]), DataFormatError, "none o"),
    ):
        with pytest.raises(error, match=message):
            make()(wrong)
    with pytest.raises(DatasetNotFoundError, match="holds no cameras"):
        make(cameras=tmp_path / "none")(sequence)


def test_models_that_look_at_crops_need_images(make, monkeypatch):
    inferencer = make()
    monkeypatch.setattr(inferencer.model, "refiner", object())
    with pytest.raises(ConfigError, match="looks at crops of the images, which arrays do not hold"):
        inferencer(arrays())


def test_a_model_of_another_task(config, tmp_path):
    other = load_config(CONFIG.parents[1] / "trajectory/baller2vec_synthetic.py")
    init_default_scope("footmm")
    torch.save(MODELS.build(other.model).state_dict(), tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="of the model Baller2Vec, which tracks no ball"):
        Ball3DInferencer(other, tmp_path / "other.pth", "cpu")
