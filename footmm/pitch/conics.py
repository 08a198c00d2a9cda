"""Straight lines and ellipses in the image: fitting, crossings, tangents.

The image of a straight marking is a line, that of a circle an ellipse (as long as the whole circle
is in front of the camera). A fit remembers how well its points determine it:
``error_growth(points)`` is the standard deviation of the curve at some place, across the curve, in
units of the standard deviation of the points it was fitted to. It is small among the points and
grows with the distance from them, so it tells which extrapolations to believe.

Projective maps keep crossings, tangency and the polar line of a point, so all three may be taken in
the image (Hartley and Zisserman, Multiple View Geometry, section 2.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

MIN_LINE_POINTS = 2
MIN_ELLIPSE_POINTS = 5

#: Reweighting of the ellipse fit; the change after the third round is below a hundredth pixel.
_NUM_REWEIGHTINGS = 3

#: Directions closer than this to parallel (sine of their angle) have no crossing.
_PARALLEL = 1e-9

#: Half of the constraint 4ac - b^2 = 1 of the direct ellipse fit, as a quadratic form.
_ELLIPSE_CONSTRAINT = np.array([[0.0, 0.0, 2.0], [0.0, -1.0, 0.0], [2.0, 0.0, 0.0]])


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line fitted to points.

    Attributes:
        coefficients: ``(3,)``, a u + b v + c = 0 with a^2 + b^2 = 1: the left side is the signed
            distance of a point.
        points: ``(N, 2)``, the points it was fitted to.
    """

    coefficients: np.ndarray
    points: np.ndarray

    @property
    def direction(self) -> np.ndarray:
        """Unit vector ``(2,)`` along the line."""
        a, b, _ = self.coefficients
        return np.array([-b, a])

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distances ``(N,)`` of points ``(N, 2)``."""
        return points @ self.coefficients[:2] + self.coefficients[2]

    def error_growth(self, points: np.ndarray) -> np.ndarray:
        """Return the error ``(N,)`` of the line at points ``(N, 2)``, see the module.

        It is that of linear regression: 1 / N for the offset, and a part for the slope that grows
        with the distance from the middle of the points.
        """
        middle = self.points.mean(axis=0)
        spread = (((self.points - middle) @ self.direction) ** 2).sum()
        along = (points - middle) @ self.direction
        return np.sqrt(1 / len(self.points) + along**2 / spread)


@dataclass(frozen=True, eq=False)
class Conic:
    """A conic x^T C x = 0, kept in a frame in which its points are of order one.

    Attributes:
        matrix: ``(3, 3)``, symmetric, for points (p - origin) / scale.
        origin: ``(2,)``.
        scale: Pixels, or whatever the unit of the points is.
        covariance: ``(6, 6)`` of the coefficients for points with a standard deviation of one
            scale; zero for a conic that is known exactly.
    """

    matrix: np.ndarray
    origin: np.ndarray
    scale: float
    covariance: np.ndarray

    @classmethod
    def circle(cls, center: np.ndarray, radius: float) -> Conic:
        """Return the circle about ``center`` ``(2,)``."""
        matrix = np.diag([1.0, 1.0, -1.0])
        return cls(matrix, np.asarray(center, dtype=float), radius, np.zeros((6, 6)))

    @property
    def semi_axes(self) -> tuple[float, float]:
        """Long and short semi-axis of an ellipse, in the unit of the points."""
        square, linear = self.matrix[:2, :2], self.matrix[:2, 2]
        constant = self.matrix[2, 2] - linear @ np.linalg.solve(square, linear)
        short, long = np.sort(np.sqrt(-constant / np.linalg.eigvalsh(square)))
        return float(long * self.scale), float(short * self.scale)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distances ``(N,)`` of points ``(N, 2)``, to first order.

        Sampson's approximation: the algebraic distance over the length of its gradient.
        """
        local = self._local(points)
        value = np.einsum("ni,ij,nj->n", local, self.matrix, local)
        return self.scale * value / self._slope(local)

    def normal(self, point: np.ndarray) -> np.ndarray:
        """Return the unit normal ``(2,)`` at a point ``(2,)`` of the conic."""
        gradient = self.matrix[:2] @ self._local(point)
        return gradient / np.linalg.norm(gradient)

    def error_growth(self, points: np.ndarray) -> np.ndarray:
        """Return the error ``(N,)`` of the conic at points ``(N, 2)`` on it, see the module."""
        local = self._local(points)
        terms = _monomials(local)
        variance = np.einsum("ni,ij,nj->n", terms, self.covariance, terms)
        return np.sqrt(np.maximum(variance, 0)) / self._slope(local)

    def cross(self, line: np.ndarray) -> np.ndarray | None:
        """Return where a line crosses the conic.

        Args:
            line: ``(3,)``, coefficients a u + b v + c = 0.

        Returns:
            The two points, ``(2, 2)``, in order along the direction (-b, a); None where the line
            misses the conic.
        """
        return self._cross_local(self._local_line(line))

    def tangent_points(self, point: np.ndarray) -> np.ndarray | None:
        """Return where the two tangents through a point touch an ellipse.

        They lie on the polar line of the point.

        Args:
            point: ``(2,)``, outside the ellipse.

        Returns:
            ``(2, 2)``, in the order that makes ``turn(point, first, second)`` positive; None for a
            point inside.
        """
        touching = self._cross_local(self.matrix @ self._local(point))
        if touching is None:
            return None
        return touching if turn(point, *touching) > 0 else touching[::-1]

    def tangent_error(self, touching: np.ndarray, point: np.ndarray, point_error: float) -> float:
        """Return the error of a tangent point, along and across the conic, see the module.

        Both equations of the tangent point t of a point p, t^T C t = 0 and t^T C p = 0, linearised.

        Args:
            touching: ``(2,)``, where the tangent touches.
            point: ``(2,)``, that the tangent goes through.
            point_error: Standard deviation of its place, in the same units as the result.
        """
        t, p = self._local(touching), self._local(point)
        on_t, on_p = self.matrix[:2] @ t, self.matrix[:2] @ p
        solve = np.linalg.inv([2 * on_t, on_p])
        terms = np.stack([_monomials(t), _polar_monomials(t, p)])
        noise = terms @ self.covariance @ terms.T
        noise[1, 1] += on_t @ on_t * point_error**2 / 2
        return float(np.sqrt(np.trace(solve @ noise @ solve.T)))

    def _local(self, points: np.ndarray) -> np.ndarray:
        """Homogeneous points ``(..., 3)`` in the conic's own frame."""
        local = (np.asarray(points) - self.origin) / self.scale
        return np.concatenate([local, np.ones_like(local[..., :1])], axis=-1)

    def _local_line(self, line: np.ndarray) -> np.ndarray:
        return np.array([*(self.scale * line[:2]), line[:2] @ self.origin + line[2]])

    def _slope(self, local: np.ndarray) -> np.ndarray:
        return 2 * np.linalg.norm(local @ self.matrix[:, :2], axis=-1)

    def _cross_local(self, line: np.ndarray) -> np.ndarray | None:
        length = np.linalg.norm(line[:2])
        if length == 0:
            return None
        normal, offset = line[:2] / length, line[2] / length
        foot = np.array([*(-offset * normal), 1.0])
        along = np.array([-normal[1], normal[0], 0.0])
        # The conic along foot + t * along is a quadratic in t.
        a = along @ self.matrix @ along
        half_b = along @ self.matrix @ foot
        c = foot @ self.matrix @ foot
        discriminant = half_b**2 - a * c
        if a == 0 or discriminant <= 0:
            return None
        # This form of the roots loses no digits where half_b and the square root are close.
        large = -(half_b + np.copysign(np.sqrt(discriminant), half_b))
        roots = np.sort([large / a, c / large])
        return (foot + roots[:, None] * along)[:, :2] * self.scale + self.origin


Fit = TypeVar("Fit", Line, Conic)


def turn(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Return how the way through three points turns, twice the signed area of their triangle.

    Args:
        first: ``(..., 2)``.
        second: ``(..., 2)``.
        third: ``(..., 2)``.

    Returns:
        ``(...,)``, positive where the way turns from the u axis to the v axis: to the left in the
        world seen from above, to the right in an image, whose v axis points down.
    """
    a, b = np.asarray(second) - first, np.asarray(third) - first
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def cross_lines(first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """Return the crossing ``(2,)`` of two lines ``(3,)`` with unit normals; None if parallel."""
    homogeneous = np.cross(first, second)
    if abs(homogeneous[2]) < _PARALLEL:
        return None
    return homogeneous[:2] / homogeneous[2]


def coefficient_covariance(terms: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the covariance of coefficients that were fitted to terms @ coefficients = 0.

    Args:
        terms: ``(N, D)``, weighted so that each equation has unit noise.
        coefficients: ``(D,)``; their common scale is held.

    Returns:
        ``(D, D)``; huge along directions that the equations leave open.
    """
    *_, directions = np.linalg.svd(coefficients[None])
    free = directions[1:]
    information, axes = np.linalg.eigh(free @ (terms.T @ terms) @ free.T)
    information = np.maximum(information, np.finfo(float).eps * information[-1])
    axes = free.T @ axes
    return (axes / information) @ axes.T


def fit_line(points: np.ndarray, max_residual: float = np.inf) -> Line | None:
    """Fit a line by total least squares.

    Args:
        points: ``(N, 2)``.
        max_residual: Largest distance of a point from the line. While a point is further away, the
            one whose absence helps most is left out.

    Returns:
        None where the points do not determine a line: fewer than two different ones, or more than a
        third had to be left out.
    """
    return _fit_without_outliers(points, _fit_line, MIN_LINE_POINTS, max_residual)


def fit_ellipse(
    points: np.ndarray, max_residual: float = np.inf, min_semi_axis: float = 0.0
) -> Conic | None:
    """Fit an ellipse to points in any order.

    Direct least squares (Fitzgibbon, Pilu and Fisher 1999, in the numerically stable form of Halir
    and Flusser 1998), which can only give an ellipse; repeated with weights that turn the algebraic
    distance into Sampson's, because the plain fit makes ellipses of short arcs too small.

    Args:
        points: ``(N, 2)``.
        max_residual: Largest distance of a point from the ellipse. While a point is further away,
            the one whose absence helps most is left out.
        min_semi_axis: Thinner ellipses are rejected. To noisy points of a flat arc the fit lays a
            needle, because no larger ellipse is nearer.

    Returns:
        None where the points do not determine an ellipse: fewer than five, or all on a line, or
        more than a third had to be left out, or it is too thin.
    """
    ellipse = _fit_without_outliers(points, _fit_ellipse, MIN_ELLIPSE_POINTS, max_residual)
    if ellipse is None or ellipse.semi_axes[1] < min_semi_axis:
        return None
    return ellipse


def _fit_without_outliers(
    points: np.ndarray,
    fit: Callable[[np.ndarray], Fit | None],
    num_needed: int,
    max_residual: float,
) -> Fit | None:
    fewest = max(num_needed, np.ceil(len(points) * 2 / 3))
    while len(points) >= fewest:
        curve = fit(points)
        if curve is None:
            return None
        if np.abs(curve.distance(points)).max() <= max_residual:
            return curve
        points = _without_worst(points, fit)
    return None


def _without_worst(points: np.ndarray, fit: Callable[[np.ndarray], Fit | None]) -> np.ndarray:
    """The points without the one whose absence helps the others most.

    That of the largest residual may be a good one: few points follow an outlier.
    """
    costs = []
    for i in range(len(points)):
        others = np.delete(points, i, axis=0)
        curve = fit(others)
        costs.append(np.inf if curve is None else (curve.distance(others) ** 2).sum())
    return np.delete(points, np.argmin(costs), axis=0)


def _fit_line(points: np.ndarray) -> Line | None:
    middle = points.mean(axis=0)
    _, sizes, axes = np.linalg.svd(points - middle, full_matrices=False)
    if sizes[0] < _PARALLEL * (1 + np.abs(middle).max()):
        return None
    direction = axes[0]
    normal = np.array([-direction[1], direction[0]])
    return Line(np.array([*normal, -normal @ middle]), points)


def _monomials(local: np.ndarray) -> np.ndarray:
    """What the coefficients a..f of a conic multiply in x^T C x."""
    return _polar_monomials(local, local)


def _polar_monomials(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """What the coefficients a..f of a conic multiply in x^T C y."""
    (u, v, w), (s, t, q) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    products = [u * s, (u * t + v * s) / 2, v * t, (u * q + w * s) / 2, (v * q + w * t) / 2, w * q]
    return np.stack(products, axis=-1)


def _symmetric(coefficients: np.ndarray) -> np.ndarray:
    a, b, c, d, e, f = coefficients
    return np.array([[a, b / 2, d / 2], [b / 2, c, e / 2], [d / 2, e / 2, f]])


def _fit_ellipse(points: np.ndarray) -> Conic | None:
    origin = points.mean(axis=0)
    scale = np.sqrt(((points - origin) ** 2).sum(axis=1).mean())
    if scale == 0:
        return None
    frame = Conic(np.eye(3), origin, float(scale), np.zeros((6, 6)))
    local = frame._local(points)
    terms, weights = _monomials(local), np.ones(len(points))
    for _ in range(1 + _NUM_REWEIGHTINGS):
        coefficients = _direct_ellipse(terms * weights[:, None])
        if coefficients is None:
            return None
        conic = Conic(_symmetric(coefficients), origin, frame.scale, np.zeros((6, 6)))
        weights = 1 / conic._slope(local)
    covariance = coefficient_covariance(terms * weights[:, None], coefficients)
    return Conic(conic.matrix, origin, frame.scale, covariance)


def _direct_ellipse(terms: np.ndarray) -> np.ndarray | None:
    """The ellipse's coefficients ``(6,)`` from weighted monomials ``(N, 6)``."""
    quadratic, linear = terms[:, :3], terms[:, 3:]
    basis, triangle = np.linalg.qr(linear)
    size = np.abs(np.diag(triangle))
    if size.min() <= _PARALLEL * size.max():
        return None
    rest = quadratic - basis @ (basis.T @ quadratic)
    _, vectors = np.linalg.eig(np.linalg.solve(_ELLIPSE_CONSTRAINT, rest.T @ rest))
    vectors = vectors.real
    a, b, c = vectors
    is_ellipse = 4 * a * c - b**2 > 0
    if not is_ellipse.any():
        return None
    leading = vectors[:, is_ellipse.argmax()]
    trailing = -np.linalg.solve(triangle, basis.T @ (quadratic @ leading))
    coefficients = np.concatenate([leading, trailing])
    return coefficients / np.linalg.norm(coefficients)
