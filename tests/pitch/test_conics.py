from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.conics import (
    Conic,
    coefficient_covariance,
    cross_lines,
    fit_ellipse,
    fit_line,
    turn,
)

CENTER, AXES, ANGLE = np.array([500.0, 300.0]), (120.0, 40.0), 0.4


def ellipse_points(angles) -> np.ndarray:
    along = np.array([np.cos(ANGLE), np.sin(ANGLE)])
    across = np.array([-along[1], along[0]])
    angles = np.asarray(angles)[:, None]
    return CENTER + AXES[0] * np.cos(angles) * along + AXES[1] * np.sin(angles) * across


class TestLine:
    def test_it_goes_through_the_points(self):
        line = fit_line(np.array([[0.0, 1.0], [3.0, 5.0], [6.0, 9.0]]))
        # 4 u - 3 v + 3 = 0, divided by 5, up to the sign.
        np.testing.assert_allclose(np.abs(line.coefficients), [0.8, 0.6, 0.6], atol=1e-12)
        np.testing.assert_allclose(
            np.abs(line.distance(np.array([[0.0, 1.0], [0.0, 6.0]]))), [0, 3], atol=1e-12
        )

    def test_total_least_squares_has_no_preferred_axis(self):
        upright = fit_line(np.array([[5.0, 0.0], [5.0, 10.0]]))
        np.testing.assert_allclose(np.abs(upright.coefficients), [1, 0, 5], atol=1e-12)

    @pytest.mark.parametrize("points", [np.empty((0, 2)), [[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]]])
    def test_too_few_different_points(self, points):
        assert fit_line(np.array(points)) is None

    def test_an_outlier_is_left_out(self):
        points = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [30.0, 0.0], [12.0, 30.0]])
        line = fit_line(points, max_residual=3)
        np.testing.assert_allclose(np.abs(line.coefficients), [0, 1, 0], atol=1e-12)
        assert len(line.points) == 4

    def test_a_cloud_is_no_line(self):
        points = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
        assert fit_line(points, max_residual=1) is None
        assert fit_line(points) is not None

    def test_error_growth_is_that_of_repeated_fits(self):
        points = np.array([[0.0, 0.0], [50.0, 20.0], [100.0, 40.0]])
        places = np.array([[50.0, 20.0], [200.0, 80.0]])
        rng = np.random.default_rng(0)
        fits = [fit_line(points + rng.normal(0, 0.1, points.shape)) for _ in range(2000)]
        spread = np.std([np.abs(fit.distance(places)) for fit in fits], axis=0)
        observed = spread / 0.1 / np.sqrt(1 - 2 / np.pi)
        np.testing.assert_allclose(fit_line(points).error_growth(places), observed, rtol=0.08)


def test_crossing_of_lines():
    upright, level = np.array([1.0, 0.0, -3.0]), np.array([0.0, 1.0, -4.0])
    np.testing.assert_allclose(cross_lines(upright, level), [3, 4])
    assert cross_lines(upright, np.array([1.0, 0.0, 7.0])) is None


def test_turn_is_twice_the_signed_area():
    assert turn(np.zeros(2), np.array([2.0, 0.0]), np.array([0.0, 3.0])) == 6
    assert turn(np.zeros(2), np.array([0.0, 3.0]), np.array([2.0, 0.0])) == -6


class TestEllipse:
    @pytest.mark.parametrize("span", [2 * np.pi, 1.8])
    def test_it_is_exact_on_exact_points_in_any_order(self, span):
        angles = np.random.default_rng(1).permutation(np.linspace(0, span, 8, endpoint=False))
        ellipse = fit_ellipse(ellipse_points(angles))
        everywhere = ellipse_points(np.linspace(0, span, 50))
        np.testing.assert_allclose(ellipse.distance(everywhere), 0, atol=1e-7)
        np.testing.assert_allclose(ellipse.semi_axes, AXES, rtol=1e-6)

    def test_five_points_are_enough_and_four_are_not(self):
        points = ellipse_points([0.0, 1.0, 2.5, 4.0, 5.0])
        assert fit_ellipse(points) is not None
        assert fit_ellipse(points[:4]) is None

    def test_points_on_a_line_are_no_ellipse(self):
        along = np.linspace(0, 100, 8)
        assert fit_ellipse(np.stack([along, 2 * along], axis=1)) is None
        assert fit_ellipse(np.full((6, 2), 3.0)) is None

    def test_points_of_a_hyperbola_are_a_bad_fit(self):
        u = np.geomspace(0.4, 2.5, 7)
        u = np.concatenate([u, -u])
        assert fit_ellipse(100 * np.stack([u, 1 / u], axis=1), max_residual=3) is None

    def test_an_outlier_is_left_out(self):
        points = ellipse_points(np.linspace(0, 6, 12))
        points[4] += [0, 60]
        ellipse = fit_ellipse(points, max_residual=2)
        np.testing.assert_allclose(ellipse.semi_axes, AXES, rtol=1e-6)

    def test_a_needle_is_rejected(self):
        points = ellipse_points(np.linspace(0, 6, 12))
        assert fit_ellipse(points, min_semi_axis=39.9) is not None
        assert fit_ellipse(points, min_semi_axis=40.1) is None

    def test_noise_on_a_short_arc_does_not_shrink_it(self):
        rng, angles = np.random.default_rng(2), np.linspace(-1, 1, 15)
        fits = [
            fit_ellipse(ellipse_points(angles) + rng.normal(0, 0.2, (15, 2))) for _ in range(200)
        ]
        sizes = np.mean([fit.semi_axes for fit in fits], axis=0)
        np.testing.assert_allclose(sizes, AXES, rtol=0.02)

    def test_error_growth_is_that_of_repeated_fits(self):
        rng, points = np.random.default_rng(3), ellipse_points(np.linspace(-1.2, 1.2, 10))
        places = ellipse_points([-1.6, -0.5, 0.0, 1.0, 1.6])
        distances = [
            fit_ellipse(points + rng.normal(0, 0.05, points.shape)).distance(places)
            for _ in range(1000)
        ]
        observed = np.std(distances, axis=0) / 0.05
        np.testing.assert_allclose(fit_ellipse(points).error_growth(places), observed, rtol=0.1)


class TestCircle:
    circle = Conic.circle(np.array([10.0, 20.0]), 5.0)

    def test_distance_is_exact_to_first_order(self):
        near = np.array([[15.001, 20.0], [10.0, 14.999], [10.0, 15.001]])
        np.testing.assert_allclose(self.circle.distance(near), [1e-3, 1e-3, -1e-3], rtol=1e-3)

    def test_normal(self):
        np.testing.assert_allclose(self.circle.normal(np.array([10.0, 25.0])), [0, 1])

    def test_known_exactly(self):
        assert self.circle.error_growth(np.array([[10.0, 25.0]])) == 0

    def test_crossings_are_in_order_along_the_line(self):
        # v = 23: the direction of 0 u + 1 v - 23 is (-1, 0).
        points = self.circle.cross(np.array([0.0, 1.0, -23.0]))
        np.testing.assert_allclose(points, [[14, 23], [6, 23]])
        assert self.circle.cross(np.array([0.0, 1.0, -26.0])) is None

    def test_tangent_points_and_their_order(self):
        # Distance 13 from the centre: tangents of length 12.
        points = self.circle.tangent_points(np.array([23.0, 20.0]))
        np.testing.assert_allclose(np.linalg.norm(points - [23, 20], axis=1), 12)
        np.testing.assert_allclose(np.linalg.norm(points - [10, 20], axis=1), 5)
        # From (23, 20) back to the centre, v grows on the way that turns to the negative side.
        assert turn(np.array([23.0, 20.0]), *points) > 0
        assert points[0, 1] > points[1, 1]

    def test_tangent_error_of_a_moved_point(self):
        # The tangent of length 12 turns by d / 12 and its end moves along the circle by 5 d / 12,
        # where d, across the tangent, is half of the variance.
        point = np.array([23.0, 20.0])
        touching = self.circle.tangent_points(point)[0]
        error = self.circle.tangent_error(touching, point, point_error=0.6)
        assert error == pytest.approx(0.6 / np.sqrt(2) * 5 / 12)

    @pytest.mark.parametrize("point", [[10.0, 20.0], [12.0, 21.0]])
    def test_no_tangents_from_inside(self, point):
        assert self.circle.tangent_points(np.array(point)) is None


def test_covariance_is_huge_where_equations_leave_coefficients_open():
    terms = np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    covariance = coefficient_covariance(terms, np.array([0.0, 0.0, 1.0]))
    assert covariance[0, 0] == pytest.approx(0.2)
    assert covariance[1, 1] > 1e12
    assert covariance[2, 2] == pytest.approx(0)
