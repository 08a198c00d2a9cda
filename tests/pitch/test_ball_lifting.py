"""The ball from rays, sizes and ballistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from footmm.errors import ConfigError
from footmm.pitch.ball_lifting import (
    FIT_WINDOWS,
    BallisticFits,
    FitWindow,
    angular_diameter,
    fill_gaps,
    fill_sights,
    fit_parabola,
    ground_points,
    pixel_angle,
    pixel_offsets,
    ray_axes,
    size_depth,
    size_points,
)
from footmm.pitch.ballistics import BallPhysics, BallState, simulate
from footmm.pitch.camera import Camera

RADIUS = float(BallPhysics().radius)
RATE, FRAMES = 25.0, 40


def film(positions: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Origins, rays, Jacobians and diameters of exact detections of positions ``(T, 3)``."""
    camera = Camera.look_at([0.0, -60.0, 15.0], positions.mean(0), 4000.0, (1920, 1080))
    camera = Camera.stack([camera] * len(positions))
    pixels = camera.project(positions[:, None])
    jacobian = camera.ray_jacobian(pixels)[:, 0]
    distance = torch.linalg.vector_norm(positions - camera.position, dim=-1)
    diameters = 2.0 * torch.asin(RADIUS / distance) / pixel_angle(jacobian)
    return camera.position, camera.rays(pixels)[:, 0], jacobian, diameters


def fly(velocity, physics=None, spin=(0.0, 0.0, 0.0), position=(0.0, 0.0, 1.0)):
    state = BallState.of(np.array(position), np.array(velocity), np.array(spin), physics)
    return simulate(state, (FRAMES - 1) / RATE, RATE, physics)


@pytest.fixture
def flight():
    return fly((12.0, 3.0, 9.0))


def test_size_tells_the_distance(flight):
    origins, rays, jacobian, diameters = film(flight.positions)
    lifted = size_points(origins, rays, jacobian, diameters)
    assert torch.allclose(lifted, flight.positions, atol=1e-6)
    # A share of the size is the same share of the distance.
    wrong = size_points(origins, rays, jacobian, 1.1 * diameters)
    ratio = (lifted - origins).norm(dim=-1) / (wrong - origins).norm(dim=-1)
    assert torch.allclose(ratio, torch.tensor(1.1, dtype=ratio.dtype), atol=1e-5)
    angle = angular_diameter(diameters, jacobian)
    assert size_depth(torch.zeros_like(angle), RADIUS).isfinite().all()


def test_the_ground_is_met_or_not(flight):
    origins, rays, _, _ = film(flight.positions)
    points = ground_points(origins, rays, RADIUS)
    assert torch.allclose(points[:, 2], torch.tensor(RADIUS, dtype=points.dtype), atol=1e-9)
    up = rays * rays.new_tensor([1.0, 1.0, -1.0])
    assert ground_points(origins, up, RADIUS).isnan().all()


def test_pixel_offsets_are_those_of_the_camera(flight):
    origins, rays, jacobian, _ = film(flight.positions)
    camera = Camera.look_at([0.0, -60.0, 15.0], flight.positions.mean(0), 4000.0, (1920, 1080))
    moved = flight.positions + torch.tensor([0.05, -0.04, 0.03])
    exact = camera.project(moved) - camera.project(flight.positions)
    offsets = pixel_offsets(moved, origins, rays, jacobian)
    assert torch.allclose(offsets, exact, atol=0.02)
    behind = pixel_offsets(origins - 5.0 * rays + 1.0, origins, rays, jacobian)
    nowhere = pixel_offsets(moved, origins, rays * 0, jacobian * 0)
    assert behind.isfinite().all()
    assert nowhere.isfinite().all()


def test_axes_of_rays_are_a_rotation():
    rays = torch.nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=-1)
    rays = torch.cat([rays, torch.tensor([[0.0, 0.0, -1.0]], dtype=torch.float64)])
    axes = ray_axes(rays)
    assert torch.allclose(axes @ axes.mT, torch.eye(3).double().expand(51, 3, 3), atol=1e-9)
    assert torch.allclose(axes[:, 0], rays)
    assert axes[:, 1, 2].abs().max() < 1e-12


def test_gaps_are_filled_on_a_line_and_held_at_the_ends():
    known = torch.tensor([False, True, False, False, True, False])
    values = torch.tensor([9.0, 1.0, 9.0, 9.0, 4.0, 9.0])[:, None]
    assert fill_gaps(values, known)[:, 0].tolist() == [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    both = fill_gaps(torch.stack([values, values]), torch.stack([known, known & False]))
    assert both[0, :, 0].tolist() == [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert not both[1].any()


def test_a_parabola_without_air_is_found_exactly():
    vacuum = BallPhysics(drag=0.0, spin_drag=0.0, lift=0.0)
    flight = fly((12.0, 3.0, 9.0), vacuum)
    *sight, diameters = (part.numpy() for part in film(flight.positions))
    rng = np.random.default_rng(0)
    noisy = diameters * rng.uniform(0.8, 1.2, len(diameters))
    time = flight.time.numpy()
    found = fit_parabola(*sight, noisy, time)
    assert np.allclose(found.at(time), flight.positions, atol=1e-3)
    # Two false detections change little.
    sight[1] = sight[1].copy()
    sight[1][[5, 20]] = sight[1][[30, 3]]
    found = fit_parabola(*sight, noisy, time)
    assert np.abs(found.at(time) - flight.positions.numpy()).max() < 0.3


def test_two_rays_are_no_parabola(flight):
    parts = (part[:2].numpy() for part in film(flight.positions))
    assert fit_parabola(*parts, flight.time[:2].numpy()) is None


def test_fits_find_flights_and_rolls():
    observed = torch.ones(FRAMES, dtype=torch.bool)
    flight = fly((12.0, 3.0, 9.0))
    motion, weights = BallisticFits(RATE)(*film(flight.positions), observed)
    assert motion.positions.shape == (len(FIT_WINDOWS), FRAMES, 3)
    errors = (motion.positions - flight.positions).norm(dim=-1)
    assert errors[FIT_WINDOWS.index(FitWindow(8, 8))].max() < 0.5
    assert weights.min() > 0.9
    roll = fly((8.0, 2.0, 0.0), position=(0.0, 0.0, RADIUS))
    assert roll.rolling.all()
    motion, _ = BallisticFits(RATE)(*film(roll.positions), observed)
    rolls = FIT_WINDOWS.index(FitWindow(4, 4, rolls=True))
    assert (motion.positions[rolls] - roll.positions).norm(dim=-1).max() < 0.05
    assert (motion.velocities[rolls] - roll.velocities).norm(dim=-1)[5:-5].max() < 1.5


def test_false_detections_lose_their_weight(flight):
    origins, rays, jacobian, diameters = film(flight.positions)
    false = rays.clone()
    false[17] = torch.nn.functional.normalize(rays[17] + 100 * jacobian[17, :, 0], dim=-1)
    observed = torch.ones(FRAMES, dtype=torch.bool)
    _, weights = BallisticFits(RATE)(origins, false, jacobian, diameters, observed)
    assert weights[17] < 0.1
    assert weights[torch.arange(FRAMES) != 17].min() > 0.5


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_anything_seen_is_no_crash_and_no_nan(flight, count):
    observed = torch.zeros(FRAMES, dtype=torch.bool)
    observed[10 : 10 + count] = True
    motion, weights = BallisticFits(RATE)(*film(flight.positions), observed)
    assert all(part.isfinite().all() for part in (*motion, weights))
    if count:
        # Far from what was seen nothing is sure.
        assert motion.deviations[0, -1] > 3 * motion.deviations[0, 10]


def test_impossible_fits_are_refused():
    with pytest.raises(ConfigError, match="above 0"):
        BallisticFits(rate=0.0)
    with pytest.raises(ConfigError, match="0 windows"):
        BallisticFits(windows=())


def test_filled_sights_are_unit_rays_between_the_detections(flight):
    _, rays, jacobian, diameters = film(flight.positions)
    observed = torch.ones(FRAMES, dtype=torch.bool)
    observed[3:9] = False
    filled = fill_sights(rays, jacobian, diameters, observed)
    assert torch.allclose(filled[0].norm(dim=-1), torch.ones(FRAMES, dtype=rays.dtype))
    assert torch.equal(filled[1][observed], jacobian[observed])
    assert torch.allclose(filled[2][3:9], diameters[3:9], rtol=0.05)
    assert not any(part.any() for part in fill_sights(rays, jacobian, diameters, observed & False))
