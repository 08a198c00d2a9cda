import cv2
import numpy as np
import pytest
import sskit
import torch

from footmm.pitch.lens import BrownConradyLens, PolynomialLens


def random_brown_conrady(rng: np.random.Generator, batch: tuple[int, ...] = ()) -> BrownConradyLens:
    return BrownConradyLens(
        rng.uniform(-0.05, 0.05, (*batch, 6)),
        rng.uniform(-0.005, 0.005, (*batch, 2)),
        rng.uniform(-0.005, 0.005, (*batch, 4)),
    )


def wide_polynomials() -> PolynomialLens:
    """An equisolid lens, r' = 2 f sin(angle / 2), and its inverse, both fitted."""
    angle = np.linspace(0, 1.4, 400)
    radius = 2 * 0.5 * np.sin(angle / 2)
    return PolynomialLens(np.polyfit(angle, radius, 8), np.polyfit(radius, angle, 8))


def test_brown_conrady_is_opencvs():
    rng = np.random.default_rng(0)
    lens, points = random_brown_conrady(rng), rng.uniform(-0.6, 0.6, (50, 2))
    k, p, s = lens.radial.numpy(), lens.tangential.numpy(), lens.thin_prism.numpy()
    coefficients = np.array([*k[:2], *p, *k[2:], *s])
    rays = np.concatenate([points, np.ones((50, 1))], axis=1)
    expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), np.eye(3), coefficients)
    np.testing.assert_allclose(lens.distort(torch.tensor(points)), expected[:, 0], atol=1e-12)


def test_polynomial_is_sskits():
    rng, lens = np.random.default_rng(1), wide_polynomials()
    points = torch.tensor(np.concatenate([rng.uniform(-3, 3, (50, 2)), np.zeros((1, 2))]))
    np.testing.assert_allclose(
        lens.distort(points), sskit.distort(lens.distortion, points), atol=1e-12
    )
    np.testing.assert_allclose(
        lens.undistort(points / 10), sskit.undistort(lens.undistortion, points / 10), atol=1e-12
    )


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_undistort_undoes_distort(batch):
    rng = np.random.default_rng(2)
    lens = random_brown_conrady(rng, batch)
    points = torch.tensor(rng.uniform(-0.6, 0.6, (*batch, 20, 2)))
    assert (lens.undistort(lens.distort(points)) - points).abs().max() < 1e-12
    assert lens.is_valid(points).all()
    if batch:
        one = lens[(0,) * len(batch)].distort(points[(0,) * len(batch)])
        assert torch.equal(one, lens.distort(points)[(0,) * len(batch)])


def test_undistort_is_differentiable_in_points_and_coefficients():
    rng = np.random.default_rng(3)
    lens = random_brown_conrady(rng)
    points = torch.tensor(rng.uniform(-0.5, 0.5, (4, 2)), requires_grad=True)
    radial = lens.radial.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda k, x: BrownConradyLens(k, lens.tangential, lens.thin_prism).undistort(x),
        (radial, points),
    )


@pytest.mark.parametrize("lens", [BrownConradyLens.from_radial(0.1), wide_polynomials()])
def test_gradients_on_the_optical_axis_are_finite(lens):
    points = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    (lens.distort(points) + lens.undistort(points)).sum().backward()
    assert points.grad.isfinite().all()


def test_points_that_the_model_folds_back_are_invalid():
    lens = BrownConradyLens.from_radial(-0.3)
    points = torch.tensor([(0.2, 0.1), (1.7, 0.0)], dtype=torch.float64)
    # The second one would land at 0.23, near the middle of the image.
    assert lens.distort(points)[1, 0].abs() < 0.3
    assert lens.is_valid(points).tolist() == [True, False]
