from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from footmm.datasets.homography import keypoint_labels
from footmm.datasets.homography.keypoint_labels import (
    KeypointLabels,
    KeypointLabelStore,
    labels_from_camera,
    labels_from_lines,
)
from footmm.pitch.calibration import Calibration
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import clean_line_name
from footmm.pitch.homography import apply_homography
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.pitch.lens import BrownConradyLens

KP57 = KEYPOINT_SETS["kp57"]


@pytest.fixture(scope="module")
def pixels(lines):
    return {
        clean_line_name(name): np.array([(959 * p["x"], 539 * p["y"]) for p in points])
        for name, points in lines.items()
    }


def test_exact_camera_knows_everything(camera):
    labels = labels_from_camera(camera.to_soccernet(), KP57)
    world = KP57.world()
    assert labels.visible[:, 1].all()
    assert np.array_equal(labels.visible[:, 0] == 1, camera.visible(world).numpy())
    shown = labels.visible[:, 0] == 1
    assert 10 < shown.sum() < 57
    assert np.allclose(labels.xy[shown], camera.project(world).numpy()[shown], atol=1e-3)
    centre = labels.homography @ [0.0, 0.0, 1.0]
    assert np.allclose(centre[:2] / centre[2], camera.project(torch.zeros(1, 3)).numpy())


def test_homography_of_a_bent_image_is_the_one_that_explains_it_best(camera):
    bent = replace(camera, lens=BrownConradyLens.from_radial(0.3))
    ground = np.mgrid[-52:53:4, -34:35:4].reshape(2, -1).T.astype(float)
    world = np.pad(ground, ((0, 0), (0, 1)))
    seen = bent.visible(world).numpy()
    pixels = bent.project(world).numpy()[seen]
    found = labels_from_camera(bent.to_soccernet(), KP57).homography
    errors = [
        np.linalg.norm(apply_homography(homography, ground[seen]).numpy() - pixels, axis=1).mean()
        for homography in (found, bent.homography())
    ]
    assert errors[0] < 0.6 * errors[1]


def test_lines_give_the_keypoints_of_the_camera(camera, pixels):
    exact = labels_from_camera(camera.to_soccernet(), KP57)
    labels = labels_from_lines(pixels, KP57)
    seen = labels.visible[:, 0] == 1
    assert seen.sum() > 10
    assert np.abs(labels.xy[seen] - exact.xy[seen]).max() < 1
    # The camera knows all points: nothing is taken for absent that is there.
    assert labels.visible[:, 1].all()
    assert np.array_equal(labels.visible[:, 0], exact.visible[:, 0])


def test_far_and_hidden_keypoints_are_known_to_be_out_of_view(pixels):
    labels = labels_from_lines(pixels, KP57)
    for name in ("left_corner_top", "left_corner_bottom", "left_penalty_spot"):
        assert labels.visible[KP57.index(name)].tolist() == [0, 1]


def test_upper_ends_of_posts_are_known_without_their_lines(camera, pixels):
    without = {name: p for name, p in pixels.items() if not name.startswith("Goal")}
    labels = labels_from_lines(without, KP57)
    ends = [KP57.index(f"right_goal_{end}_crossbar") for end in ("top", "bottom")]
    assert labels.visible[ends].tolist() == [[1, 1], [1, 1]]
    exact = camera.project(KP57.world()).numpy()
    assert np.abs(labels.xy[ends] - exact[ends]).max() < 2
    other = [KP57.index(f"left_goal_{end}_crossbar") for end in ("top", "bottom")]
    assert labels.visible[other].tolist() == [[0, 1], [0, 1]]


def test_a_camera_against_the_keypoints_is_not_trusted(pixels, monkeypatch):
    wrong = Camera.look_at((5.0, -60.0, 15.0), (20.0, 10.0, 0.0), 1500.0, (960, 540))
    sure = Calibration(wrong, wrong.homography().numpy(), 0.9, None, np.ones(57, bool), 1.0)
    monkeypatch.setattr(keypoint_labels, "calibrate_lines", lambda *_: sure)
    labels = labels_from_lines(pixels, KP57)
    assert labels.homography is None
    assert 2 < labels.visible[:, 1].sum() < 20


def test_few_lines_leave_the_rest_unknown(pixels):
    two = {name: pixels[name] for name in ("Big rect. right main", "Big rect. right bottom")}
    labels = labels_from_lines(two, KP57)
    crossing = KP57.index("right_penalty_area_bottom_front")
    assert labels.homography is None
    assert labels.visible[crossing].tolist() == [1, 1]
    others = np.delete(np.arange(57), crossing)
    assert not labels.visible[others].any()
    assert np.isnan(labels.xy[others]).all()


def test_no_lines():
    labels = labels_from_lines({}, KEYPOINT_SETS["kp29"])
    assert not labels.visible.any()
    assert labels.homography is None


@pytest.mark.parametrize("homography", [None, np.eye(3)])
def test_store(homography):
    labels = KeypointLabels(
        np.array([[1.5, np.nan]], np.float32), np.array([[0, 1]], np.float32), homography
    )
    calls = []
    store = KeypointLabelStore(3, 1)
    for _ in range(2):
        found = store.get(1, lambda: calls.append(1) or labels)
        assert np.array_equal(found.xy, labels.xy, equal_nan=True)
        assert np.array_equal(found.visible, labels.visible)
        assert (found.homography is None) == (homography is None)
    # What a pipeline does to its copy stays out of the store.
    found.visible[:] = 7
    assert store.get(1, lambda: labels).visible.tolist() == [[0, 1]]
    assert len(calls) == 1
    assert store.num_made == 1
    assert copy.deepcopy(store) is store
