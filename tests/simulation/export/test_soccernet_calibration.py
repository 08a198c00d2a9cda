from __future__ import annotations

import json
import zipfile

import cv2
import numpy as np
import pytest
from SoccerNet.Evaluation.CameraCalibration import evaluate
from SoccerNet.Evaluation.utils_calibration import get_polylines

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.lens import BrownConradyLens
from footmm.simulation.export import (
    ImageExportSettings,
    SoccerNetCalibrationExport,
    write_folder,
)
from footmm.simulation.export.soccernet_calibration import annotate_lines, shows_enough_lines

SETTINGS = ImageExportSettings(seed=5, num_images=6, split_shares=(1.0, 0.0, 0.0))


def look_at(target, focal_length=1500.0, position=(0.0, -60.0, 15.0), **kwargs):
    return Camera.look_at(position, target, focal_length, (960, 540), **kwargs)


def random_cameras(count):
    """Cameras all around and on the pitch, also such as no broadcast has."""
    rng = np.random.default_rng(0)
    for index in range(count):
        place = rng.uniform((-70, -70, 1), (70, 70, 30))
        target = (*rng.uniform((-50, -34), (50, 34)), 0.0)
        lens = BrownConradyLens.from_radial(rng.uniform(0, 0.3)) if index % 3 == 0 else None
        yield look_at(
            target, np.exp(rng.uniform(5.5, 8)), place, roll=rng.normal(0, 0.05), lens=lens
        )


def official_score(folder, pairs, threshold=5):
    """Score cameras by their own annotations."""
    with (
        zipfile.ZipFile(folder / "gt.zip", "w") as truth,
        zipfile.ZipFile(folder / "prediction.zip", "w") as prediction,
    ):
        for index, (lines, camera) in enumerate(pairs):
            truth.writestr(f"valid/{index:05d}.json", json.dumps(lines))
            prediction.writestr(f"camera_{index:05d}.json", json.dumps(camera))
    with np.errstate(all="ignore"):
        return evaluate(folder / "gt.zip", folder / "prediction.zip", threshold)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "calibration"
    return write_folder(folder, SoccerNetCalibrationExport(SETTINGS))


def load(path):
    return json.loads(path.read_text())


def test_layout(root):
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    expected = {"settings.json"}
    for number in range(6):
        expected |= {f"train/{number:05d}.jpg", f"train/{number:05d}.json"}
        expected.add(f"cameras/train/camera_{number:05d}.json")
    assert files == expected
    assert (root / "valid").is_dir()
    assert cv2.imread(str(root / "train" / "00000.jpg")).shape == (540, 960, 3)


def test_the_exported_cameras_are_perfect(root, tmp_path):
    pairs = [
        (load(path), load(root / "cameras" / "train" / f"camera_{path.name}"))
        for path in sorted((root / "train").glob("*.json"))
    ]
    results = official_score(tmp_path, pairs, threshold=0.1)
    assert results["completeness"] == 1
    assert results["meanAccuracies"] == 1
    assert results["meanRecall"] == 1
    assert all(len(lines) >= 3 for lines, _ in pairs)


def test_markings_are_painted_where_they_are_annotated(root):
    """A pixel at an annotated point is lighter than the grass around."""
    contrasts = []
    for path in sorted((root / "train").glob("*.json")):
        gray = cv2.imread(str(path.with_suffix(".jpg")), cv2.IMREAD_GRAYSCALE).astype(float)
        for name, points in load(path).items():
            if not name.startswith(("Goal", "Circle")):
                for point in points[1:-1]:
                    u, v = round(959 * point["x"]), round(539 * point["y"])
                    line, grass = (
                        gray[max(v - reach, 0) : v + reach + 1, max(u - reach, 0) : u + reach + 1]
                        for reach in (1, 9)
                    )
                    contrasts.append(line.max() - np.median(grass))
    assert len(contrasts) > 10
    assert np.mean(np.array(contrasts) > 6) > 0.8


def test_any_camera_is_perfect(tmp_path):
    cameras = [camera for camera in random_cameras(9) if annotate_lines(camera)]
    pairs = [(annotate_lines(camera), camera.to_soccernet()) for camera in cameras]
    assert len(pairs) > 5
    results = official_score(tmp_path, pairs)
    assert (results["completeness"], results["meanAccuracies"]) == (1, 1)


@pytest.mark.realdata
def test_real_cameras_show_the_classes_that_the_evaluator_finds(realdata):
    archive = zipfile.ZipFile(realdata / "calibration_sn22" / "cameras_pnlcalib.zip")
    names = sorted(name for name in archive.namelist() if name.endswith(".json"))[:20]
    for name in names:
        parameters = json.loads(archive.read(name))
        with np.errstate(all="ignore"):
            official = get_polylines(parameters, 960, 540, sampling_factor=0.9)
        assert set(annotate_lines(Camera.from_soccernet(parameters))) == set(official)


def test_points_lie_in_the_image_and_in_order():
    lines = annotate_lines(look_at((0.0, 0.0, 0.0)))
    assert len(lines["Circle central"]) == 9
    middle = np.array([list(point.values()) for point in lines["Middle line"]])
    # It runs towards the camera, from the far touchline to the border of the image.
    assert len(middle) == 3
    far = lines["Side line top"][0]["y"]
    assert np.allclose(middle, [(0.5, far), (0.5, (far + 1) / 2), (0.5, 1.0)], atol=1e-4)


def test_the_left_post_of_the_left_goal_is_spelled_officially():
    lines = annotate_lines(look_at((-50.0, 0.0, 0.0)))
    posts = sorted(name for name in lines if "Goal left post" in name)
    assert posts == ["Goal left post left ", "Goal left post right"]
    assert len(lines["Goal left crossbar"]) == 2


def test_nothing_behind_the_camera_is_annotated():
    assert annotate_lines(look_at((0.0, -120.0, 0.0))) == {}


def test_frames_with_few_lines_are_not_taken():
    # Grass between centre circle and penalty area, then the centre circle and what is around it.
    assert not shows_enough_lines(look_at((-22.0, 0.0, 0.0), 6000.0))
    assert shows_enough_lines(look_at((-52.5, 0.0, 0.0), 1500.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": (1920, 1080)}, "for 960 x 540 only"),
        ({"pitch_size": (100.0, 64.0)}, "for 105 x 68 only"),
    ],
)
def test_what_the_evaluation_does_not_know_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        SoccerNetCalibrationExport(ImageExportSettings(**change))
