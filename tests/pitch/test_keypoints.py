from __future__ import annotations

import json
import pickle
import zipfile

import mmpose.datasets.datasets.utils as mmpose_utils
import numpy as np
import pytest

from footmm.errors import DataFormatError
from footmm.pitch.dimensions import PitchDimensions, clean_line_name
from footmm.pitch.frames import soccernet_to_world
from footmm.pitch.keypoints import (
    KEYPOINT_SETS,
    PUBLISHED_NUMBERS,
    Tangent,
    mmpose_metainfo,
)

KP29, KP57 = KEYPOINT_SETS["kp29"], KEYPOINT_SETS["kp57"]


class TestSets:
    def test_sizes_and_unique_names(self):
        assert len(KP29) == 29
        assert len(KP57) == 57
        assert len(set(KP57.names)) == 57

    def test_kp29_is_part_of_kp57(self):
        assert [name for name in KP57.names if name in KP29.names] == list(KP29.names)
        index = [KP57.index(name) for name in KP29.names]
        np.testing.assert_array_equal(KP57.world()[index], KP29.world())

    def test_kp29_is_what_its_definition_lists(self):
        kinds = ("corner", "penalty_area", "goal_area", "halfway", "spot", "centre_circle")
        counts = [sum(kind in name for name in KP29.names) for kind in kinds]
        assert counts == [4, 8, 8, 2, 3, 4]

    @pytest.mark.parametrize(
        ("name", "place"),
        [
            ("left_corner_top", (-52.5, 34, 0)),
            ("right_penalty_area_bottom_front", (36, -20.16, 0)),
            ("left_goal_area_top_back", (-52.5, 9.16, 0)),
            ("halfway_bottom", (0, -34, 0)),
            ("right_penalty_spot", (41.5, 0, 0)),
            ("centre_circle_top", (0, 9.15, 0)),
            ("centre_circle_left", (-9.15, 0, 0)),
            ("left_goal_top_crossbar", (-52.5, 3.66, 2.44)),
            ("right_goal_bottom_foot", (52.5, -3.66, 0)),
            ("left_arc_top", (-36, np.sqrt(9.15**2 - 5.5**2), 0)),
            ("right_arc_apex", (32.35, 0, 0)),
        ],
    )
    def test_places(self, name, place):
        np.testing.assert_allclose(KP57.world()[KP57.index(name)], place, atol=1e-12)

    def test_tangents_touch(self):
        for construction, place in zip(KP57.construction, KP57.world()[:, :2], strict=True):
            if isinstance(construction, Tangent):
                arc = PitchDimensions().markings[construction.conic]
                outside = KP57.world()[KP57.index(construction.point), :2]
                assert np.linalg.norm(place - arc.center) == pytest.approx(arc.radius)
                assert (place - outside) @ (place - arc.center) == pytest.approx(0, abs=1e-9)
                # It lies on the drawn part: in front of the penalty area.
                assert abs(place[0]) < 36

    def test_places_follow_the_size_of_the_pitch(self):
        world = KP57.world(PitchDimensions(100.0, 64.0))
        np.testing.assert_allclose(world[KP57.index("right_corner_top")], [50, 32, 0])
        np.testing.assert_allclose(world[KP57.index("left_penalty_spot")], [-39, 0, 0])
        tangent = world[KP57.index("centre_circle_tangent_top_left")]
        assert tangent[1] == pytest.approx(9.15**2 / 32)

    def test_flip(self):
        world = KP57.world()
        np.testing.assert_allclose(world[list(KP57.flip_indices)], world * [-1, 1, 1], atol=1e-9)
        assert len(KP57.flip_pairs) == 26
        assert KP57.names[KP57.flip_indices[KP57.index("halfway_top")]] == "halfway_top"
        left, right = KP57.flip_pairs[0]
        assert (KP57.names[left], KP57.names[right]) == ("left_corner_top", "right_corner_top")

    @pytest.mark.parametrize("keypoint_set", [KP29, KP57])
    def test_central_mirror(self, keypoint_set):
        world = keypoint_set.world()
        turned = world[list(keypoint_set.central_mirror)]
        np.testing.assert_allclose(turned, world * [-1, -1, 1], atol=1e-9)

    def test_it_survives_a_process_boundary(self):
        assert pickle.loads(pickle.dumps(KP57)) == KP57

    def test_unknown_name(self):
        with pytest.raises(DataFormatError, match="did you mean 'centre_spot'"):
            KP29.index("center_spot")
        with pytest.raises(DataFormatError, match="kp29"):
            KP29.index("left_arc_top")


class TestMetainfo:
    @pytest.mark.parametrize("keypoint_set", [KP29, KP57])
    def test_mmpose_reads_it(self, keypoint_set):
        parsed = mmpose_utils.parse_pose_metainfo(mmpose_metainfo(keypoint_set))
        assert parsed["num_keypoints"] == len(keypoint_set)
        assert tuple(parsed["flip_indices"]) == keypoint_set.flip_indices
        assert parsed["keypoint_id2name"][0] == "left_corner_top"
        assert len(parsed["sigmas"]) == len(keypoint_set)

    def test_the_skeleton_is_the_pitch(self):
        links = {
            frozenset(item["link"]) for item in mmpose_metainfo(KP29)["skeleton_info"].values()
        }
        assert frozenset(("left_corner_top", "halfway_top")) in links
        assert frozenset(("halfway_top", "right_corner_top")) in links
        assert frozenset(("centre_circle_top", "centre_circle_left")) in links
        # 5 on each touchline and the halfway line together, 5 on each goal line, 3 for each of the
        # four areas, 4 around the centre circle, and the halfway line's 4.
        assert len(links) == 2 * 2 + 2 * 5 + 4 * 3 + 4 + 4

    def test_arcs_are_open_and_the_circle_is_closed(self):
        links = {
            frozenset(item["link"]) for item in mmpose_metainfo(KP57)["skeleton_info"].values()
        }
        assert frozenset(("left_arc_top", "left_arc_tangent_top")) in links
        assert frozenset(("left_arc_top", "left_arc_bottom")) not in links
        on_circle = [link for link in links if all("circle" in name for name in link)]
        assert len(on_circle) == 12 - 2 + 2


@pytest.mark.realdata
def test_kp57_is_the_published_scheme(realdata):
    scheme = json.loads((realdata / "homography_wc14" / "keypoint_scheme.json").read_text())
    published = {int(number): item for number, item in scheme["keypoints"].items()}
    assert sorted(published) == sorted(PUBLISHED_NUMBERS.values())
    world = KP57.world()
    for name, number in PUBLISHED_NUMBERS.items():
        ours = world[KP57.index(name)]
        place = soccernet_to_world(np.array(published[number]["xyz"]))
        if name == "centre_circle_right":
            # Published 15 cm inside the circle.
            np.testing.assert_allclose(place, [9, 0, 0], atol=1e-9)
            continue
        np.testing.assert_allclose(place, ours, atol=0.02, err_msg=name)
        lines = published[number]["lines"]
        if lines is not None:
            construction = KP57.construction[KP57.index(name)]
            assert {construction.first, construction.second} == {
                clean_line_name(line) for line in lines
            }


@pytest.mark.realdata
def test_published_predictions_are_near_the_true_homographies(realdata):
    folder = realdata / "homography_wc14"
    truth = json.loads((folder / "gt_homographies.json").read_text())["homographies"]
    errors = []
    with zipfile.ZipFile(folder / "keypoints_pnlcalib.zip") as archive:
        for frame, homography in truth.items():
            predicted = json.loads(archive.read(f"{frame}.json"))["kp"]
            errors += wc14_errors(np.array(homography), predicted)
    assert len(errors) > 500
    assert np.median(errors) < 6


def wc14_errors(homography: np.ndarray, predicted: dict) -> list[float]:
    """Pixels at 1280 x 720 between predicted ground keypoints and the projected ones."""
    world = KP57.world(PitchDimensions(105.0, 68.0))
    # The field of this data: 114.83 x 74.37 yards from the top left corner.
    field = (world[:, :2] / [105, -68] + 0.5) * [114.83, 74.37]
    projected = np.concatenate([field, np.ones((57, 1))], axis=1) @ homography.T
    pixels = projected[:, :2] / projected[:, 2:]
    return [
        float(np.hypot(*(pixels[number - 1] - (item["x"] * 1280, item["y"] * 720))))
        for number, item in ((int(number), item) for number, item in predicted.items())
        if number <= 57 and world[number - 1, 2] == 0
    ]
