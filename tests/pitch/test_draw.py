from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import LINE_CLASSES, PitchDimensions
from footmm.pitch.draw import (
    LINE_COLORS,
    PitchFromAbove,
    draw_ground_markings,
    draw_keypoints,
    draw_pitch,
    pitch_axes,
)
from footmm.pitch.homography import apply_homography
from footmm.pitch.lens import BrownConradyLens

SIZE = (320, 180)
CAMERA = Camera.look_at([0.0, -60.0, 18.0], [-40.0, 0.0, 0.0], 420.0, SIZE)


@pytest.fixture
def grass() -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), 50, dtype=np.uint8)


def paint_of(drawn: np.ndarray) -> np.ndarray:
    return (drawn != 50).any(axis=-1)


class TestDrawPitch:
    @pytest.mark.parametrize("name", ["Big rect. left main", "Circle left", "Goal left crossbar"])
    def test_paint_is_where_the_camera_sees_the_marking(self, grass, name):
        drawn = paint_of(draw_pitch(grass, CAMERA, colors={name: (0, 0, 255)}, thickness=1))
        points = CAMERA.project(PitchDimensions().markings[name].sample(1.0)).numpy()
        inside = CAMERA.visible(PitchDimensions().markings[name].sample(1.0)).numpy()
        assert inside.any()
        for u, v in np.round(points[inside]).astype(int):
            assert drawn[max(v - 1, 0) : v + 2, max(u - 1, 0) : u + 2].any()

    def test_lines_follow_the_lens(self, grass):
        lens = BrownConradyLens.from_radial(-0.3)
        bent = Camera.look_at([0.0, -60.0, 18.0], [0.0, 20.0, 0.0], 200.0, SIZE, lens=lens)
        colors = {"Side line top": (255, 255, 255)}
        rows = paint_of(draw_pitch(grass, bent, colors=colors, thickness=1)).nonzero()
        ends, middle = rows[0][rows[1] < 60].max(), rows[0][np.abs(rows[1] - 160) < 3].min()
        assert ends - middle >= 2

    def test_the_image_itself_stays(self, grass):
        before = grass.copy()
        drawn = draw_pitch(grass, CAMERA)
        np.testing.assert_array_equal(grass, before)
        assert paint_of(drawn).sum() > 500

    def test_edges_are_smooth(self, grass):
        colors = {"Side line top": (250, 250, 250)}
        assert len(np.unique(draw_pitch(grass, CAMERA, colors=colors))) > 10

    def test_nothing_behind_the_camera(self, grass):
        away = Camera.look_at([0.0, -60.0, 18.0], [0.0, -120.0, 20.0], 420.0, SIZE)
        np.testing.assert_array_equal(draw_pitch(grass, away), grass)

    def test_another_size_is_refused_with_the_way_out(self, grass):
        with pytest.raises(DataFormatError, match=r"resized\(160, 180\)"):
            draw_pitch(grass[:, :160], CAMERA)

    def test_a_batch_is_refused(self, grass):
        with pytest.raises(DataFormatError, match=r"camera\[i\]"):
            draw_pitch(grass, Camera.stack([CAMERA, CAMERA]))


def test_every_line_class_has_the_color_of_its_group():
    assert tuple(LINE_COLORS) == LINE_CLASSES
    assert len(set(LINE_COLORS.values())) == 6
    assert LINE_COLORS["Goal left crossbar"] == LINE_COLORS["Goal right post left"]


class TestDrawKeypoints:
    xy = np.array([[100.0, 50.0], [200.0, 90.0], [np.nan, np.nan]])
    visible = np.array([True, False, False])

    def test_only_visible_ones(self, grass):
        drawn = draw_keypoints(grass, self.xy, self.visible, color=(1, 2, 3))
        assert tuple(drawn[50, 100]) == (1, 2, 3)
        assert not paint_of(drawn)[80:].any()

    def test_names_are_written_beside_them(self, grass):
        plain = draw_keypoints(grass, self.xy, self.visible)
        named = draw_keypoints(grass, self.xy, self.visible, ["corner", "b", "c"])
        assert paint_of(named).sum() > paint_of(plain).sum()
        assert (grass == 50).all()


class TestDrawGroundMarkings:
    def test_paint_is_where_the_camera_draws_it(self, grass):
        ground_lines = {name: (250, 250, 250) for name in LINE_CLASSES if "Goal" not in name}
        by_camera = draw_pitch(grass, CAMERA, colors=ground_lines, thickness=1)
        color = (250, 250, 250)
        homography = CAMERA.homography().numpy()
        by_homography = draw_ground_markings(grass, homography, color=color)
        assert paint_of(by_camera).sum() > 500
        assert (paint_of(by_homography) != paint_of(by_camera)).sum() < 10
        assert (grass == 50).all()

    def test_nothing_behind_the_camera(self, grass):
        away = Camera.look_at([0.0, -60.0, 18.0], [0.0, -120.0, 20.0], 420.0, SIZE)
        np.testing.assert_array_equal(draw_ground_markings(grass, away.homography()), grass)


class TestPitchFromAbove:
    view = PitchFromAbove(231, margin=5.0)

    def test_the_centre_circle_is_closed(self):
        view = PitchFromAbove(1400)
        circle = PitchDimensions().markings["Circle central"].sample(0.1)[:, :2]
        pixels = apply_homography(view.homography, circle).round().int().numpy()
        # The red of grass is below 80.
        assert view.draw()[pixels[:, 1], pixels[:, 0], 2].min() > 100

    def test_size_and_place(self):
        assert self.view.image_size == (231, 157)
        assert self.view.draw().shape == (157, 231, 3)
        center = self.view.homography @ [0.0, 0.0, 1.0]
        np.testing.assert_allclose(center, [115, 78, 1])
        above = self.view.homography @ [0.0, 10.0, 1.0]
        assert above[1] < 78

    def test_markings_are_at_their_places(self):
        chalk = self.view.draw().min(axis=-1) > 180
        # Where a line runs along an axis, in columns or rows most of which are chalk.
        columns = np.flatnonzero(chalk[11:146].mean(axis=0) > 0.9)
        rows = np.flatnonzero(chalk[:, 11:220].mean(axis=1) > 0.9)
        np.testing.assert_allclose(columns, 115 + np.array([-52.5, 0, 52.5]) * 231 / 115, atol=1)
        np.testing.assert_allclose(rows, 78 + np.array([-34, 34]) * 231 / 115, atol=1)

    def test_footprint_is_what_the_camera_sees(self):
        camera = Camera.look_at([0.0, -60.0, 18.0], [-20.0, -10.0, 0.0], 420.0, SIZE)
        seen = self.view.footprint(camera)
        v, u = np.mgrid[:157, :231]
        points = np.stack([(u - 115) * 115 / 231, (78 - v) * 115 / 231, 0 * u], -1)
        expected = camera.visible(points.reshape(-1, 3)).numpy().reshape(seen.shape)
        # Pixels on the outline only.
        assert (seen != expected).mean() < 0.01
        assert seen.any()


class TestPitchAxes:
    @pytest.fixture(autouse=True)
    def _no_window(self, monkeypatch):
        matplotlib.use("Agg")
        yield
        matplotlib.pyplot.close("all")

    def test_lines_are_at_their_places_in_the_world(self):
        ax = pitch_axes(PitchDimensions(100.0, 64.0))
        data = np.concatenate([line.get_xydata() for line in ax.lines])
        np.testing.assert_allclose(data.min(axis=0), [-52, -32])
        np.testing.assert_allclose(data.max(axis=0), [52, 32])
        assert np.isclose(np.abs(data[:, 0]), 33.5).any()
        assert ax.get_aspect() == 1
        assert not ax.yaxis_inverted()

    def test_given_axes_are_used(self):
        _, ax = matplotlib.pyplot.subplots()
        assert pitch_axes(ax=ax) is ax
        assert ax.get_xlim()[0] < -52.5
