from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.draw import PitchFromAbove
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import VISUALIZERS
from footmm.structures.calibrated_frame import CalibratedFrame
from footmm.visualization.homography import (
    PREDICTED,
    SCORE_COLORS,
    TRUE,
    FrameTruth,
    HomographyVisualizer,
    draw_calibration,
    draw_top_view,
)

SIZE = (480, 270)
KEYPOINTS = KEYPOINT_SETS["kp29"]
CAMERA = Camera.look_at([0.0, -60.0, 18.0], [-40.0, 0.0, 0.0], 600.0, SIZE)
OTHER = Camera.look_at([0.0, -60.0, 18.0], [-30.0, 0.0, 0.0], 600.0, SIZE)
NOTHING = FrameTruth(None, None, {})


def frame(camera=CAMERA, failure=None, scores=0.9, homography=None):
    if camera is not None:
        homography = camera.homography().numpy()
    keypoints = CAMERA.project(KEYPOINTS.world()).numpy()
    keypoints[~CAMERA.visible(KEYPOINTS.world()).numpy()] = np.nan
    scores = np.full(len(KEYPOINTS), scores)
    return CalibratedFrame(
        "a.png", SIZE, camera, homography, 0.75, failure, KEYPOINTS, keypoints, scores
    )


@pytest.fixture
def grass():
    return np.full((SIZE[1], SIZE[0], 3), 50, np.uint8)


def has(image, color):
    # Edges are smooth: thin lines are nowhere of their full colour.
    return bool((np.abs(image - np.array(color)) <= 70).all(axis=-1).any())


def below_caption(image):
    return image[30:]


class TestDrawCalibration:
    def test_pitch_keypoints_and_caption(self, grass):
        drawn = draw_calibration(grass, frame())
        u, v = CAMERA.project([[-52.5, -3.66, 1.5]])[0].round().int().tolist()
        assert (drawn[v, u - 2 : u + 3] != 50).any()
        assert has(drawn, SCORE_COLORS[0][1])
        assert (drawn[:15, :60] != 50).any()
        assert (grass == 50).all()

    @pytest.mark.parametrize("rank", range(3))
    def test_keypoints_have_the_colour_of_their_score(self, grass, rank):
        lowest, color = SCORE_COLORS[rank]
        found = frame(None, "x", scores=lowest + 0.1)
        drawn = draw_calibration(grass, found, min_score=0.0)
        u, v = found.keypoints[KEYPOINTS.names.index("left_penalty_spot")].round().astype(int)
        assert tuple(drawn[v, u]) == color

    def test_keypoints_below_the_lowest_score_are_left_out(self, grass):
        drawn = draw_calibration(grass, frame(None, "x", scores=0.2), min_score=0.3)
        assert (below_caption(drawn) == 50).all()

    def test_homography_where_there_is_no_camera(self, grass):
        found = frame(None, "no lens", scores=0.0, homography=CAMERA.homography().numpy())
        assert has(below_caption(draw_calibration(grass, found)), PREDICTED)

    @pytest.mark.parametrize(
        "truth",
        [
            FrameTruth(CAMERA, None, {}),
            FrameTruth(None, CAMERA.homography().numpy(), {}),
            FrameTruth(None, None, {"Side line left": np.array([[100.0, 100.0]])}),
        ],
    )
    def test_every_kind_of_truth_has_its_colour(self, grass, truth):
        found = frame(None, "x", scores=0.0)
        assert has(below_caption(draw_calibration(grass, found, truth)), TRUE)
        assert not has(draw_calibration(grass, found, NOTHING), TRUE)

    def test_another_size_is_refused(self, grass):
        with pytest.raises(DataFormatError, match=r"a\.png: the image is 240 x 270.* 480 x 270"):
            draw_calibration(grass[:, :240], frame())


class TestDrawTopView:
    def test_ground_in_view_is_tinted(self):
        view = PitchFromAbove(230)
        plain, drawn = view.draw(), draw_top_view(frame(), view=view)
        changed = (plain != drawn).any(axis=-1)
        seen = view.footprint(CAMERA)
        assert changed[seen].all()
        near = cv2.dilate(seen.astype(np.uint8), np.ones((5, 5))).astype(bool)
        assert not changed[~near].any()

    def test_true_ground_is_outlined(self):
        drawn = draw_top_view(frame(), FrameTruth(OTHER, None, {}))
        assert has(drawn, TRUE)
        assert has(drawn, PREDICTED)

    def test_nothing_found(self):
        np.testing.assert_array_equal(draw_top_view(frame(None, "x")), PitchFromAbove().draw())


@pytest.fixture
def sample(tmp_path, grass):
    path = tmp_path / "00007.png"
    cv2.imwrite(str(path), grass)

    def make(camera=CAMERA, failure=None, **truth):
        result = PoseDataSample(
            metainfo=dict(
                img_path=str(path),
                sample_id="00007",
                ori_shape=(SIZE[1], SIZE[0]),
                keypoint_set="kp29",
                **truth,
            )
        )
        found = frame(camera)
        result.pred_instances = InstanceData(
            keypoints=found.keypoints[None].astype(np.float32), keypoint_scores=found.scores[None]
        )
        official = None if camera is None else camera.resized(960, 540).to_soccernet()
        result.set_field(official, "pred_camera")
        result.set_field(found.homography, "pred_homography")
        result.set_field(0.75, "pred_confidence")
        result.set_field(failure, "pred_failure")
        return result

    return make


class TestFrameTruth:
    def test_all_is_in_the_pixels_of_the_frame(self, sample):
        large = OTHER.resized(960, 540)
        truth = FrameTruth.from_sample(
            sample(
                ground_truth_camera=large.to_soccernet(),
                ground_truth_homography=large.homography().numpy(),
                annotated_lines={"Middle line": np.array([[-0.5, 539.5]])},
            )
        )
        assert truth.camera.image_size == SIZE
        expected = OTHER.homography().numpy()
        scale = truth.homography[2, 2] / expected[2, 2]
        np.testing.assert_allclose(truth.homography, scale * expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(truth.lines["Middle line"], [[-0.5, 269.5]])

    def test_the_camera_gives_the_homography(self, sample):
        truth = FrameTruth.from_sample(
            sample(ground_truth_camera=OTHER.resized(960, 540).to_soccernet())
        )
        np.testing.assert_allclose(truth.homography, OTHER.homography(), rtol=1e-6, atol=1e-6)

    def test_none_at_all(self, sample):
        truth = FrameTruth.from_sample(sample(ground_truth_camera=None))
        assert (truth.camera, truth.homography, truth.lines) == (None, None, {})


class TestHomographyVisualizer:
    def test_is_registered(self):
        built = VISUALIZERS.build({"type": "HomographyVisualizer", "name": "v"})
        assert isinstance(built, HomographyVisualizer)

    def test_a_sheet_of_the_first_frames(self, sample):
        samples = [sample(), sample(None, "too few keypoints"), sample(), sample()]
        one, two, three = (
            HomographyVisualizer(num_samples=n).draw_samples(samples)["calibration"]
            for n in (1, 2, 3)
        )
        assert one.dtype == np.uint8
        assert one.shape[0] == two.shape[0] < three.shape[0]
        assert one.shape[1] < two.shape[1] == three.shape[1]

    def test_the_sheet_is_rgb(self, sample):
        sheet = HomographyVisualizer().draw_samples([sample()])["calibration"]
        assert has(sheet, PREDICTED[::-1])
        assert not has(sheet, PREDICTED)

    def test_the_figures_depend_on_the_truth(self, sample):
        truth = dict(ground_truth_homography=OTHER.resized(960, 540).homography().numpy())
        known, unknown = (
            HomographyVisualizer().draw_samples([s])["calibration"]
            for s in (sample(**truth), sample())
        )
        panel = np.s_[300:470, 990:]
        assert (known[panel] != unknown[panel]).any()

    def test_no_samples(self):
        assert HomographyVisualizer().draw_samples([]) == {}

    def test_an_image_that_is_gone(self, sample, tmp_path):
        gone = sample()
        (tmp_path / "00007.png").unlink()
        with pytest.raises(DataFormatError, match=r"cannot read the image '.*00007\.png'"):
            HomographyVisualizer().draw_samples([gone])
