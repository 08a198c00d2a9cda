"""The physics layer."""

from __future__ import annotations

import pytest
import torch

from footmm.models.ball3d.physics import PRIOR_SPREADS, LearnableBallPhysics
from footmm.pitch.ballistics import BallPhysics, BallState, rolling_spin, simulate

STATE = (
    torch.tensor([[0.0, 0.0, 1.0], [10.0, 5.0, 0.11]], dtype=torch.float64),
    torch.tensor([[15.0, 2.0, 6.0], [9.0, 3.0, 0.0]], dtype=torch.float64),
    torch.tensor([[0.0, -20.0, 10.0], [0.0, 0.0, 0.0]], dtype=torch.float64),
)


def test_it_begins_with_the_priors():
    layer = LearnableBallPhysics()
    path = layer.roll_out(*STATE, 25, 25.0)
    exact = simulate(BallState.of(*STATE), 1.0, 25.0)
    assert path.shape == (2, 25, 3)
    assert torch.allclose(path, exact.positions[1:].transpose(0, 1), atol=2e-2)
    assert torch.equal(layer.roll_out(*STATE, 7, 25.0), path[:, :7])
    coarse = layer.roll_out(*STATE, 25, 25.0, every=5)
    assert torch.allclose(coarse, path[:, 4::5], atol=2e-2)
    assert layer.prior_loss() == 0


def test_a_ball_that_rolls_fast_is_not_braked():
    position, velocity = torch.tensor([[0.0, 0.0, 0.1098]]), torch.tensor([[25.0, 0.0, 0.0]])
    spin = rolling_spin(velocity)
    path = LearnableBallPhysics().roll_out(position, velocity, spin, 25, 25.0)
    exact = simulate(BallState.of(position, velocity, spin), 1.0, 25.0)
    assert torch.allclose(path[0], exact.positions[1:, 0], atol=1e-3)


@pytest.mark.parametrize("name", PRIOR_SPREADS)
def test_every_constant_gets_a_gradient(name):
    layer = LearnableBallPhysics()
    layer.roll_out(*STATE, 50, 25.0).square().sum().backward()
    gradient = layer.offsets[name].grad
    assert gradient.isfinite()
    assert gradient != 0


def test_constants_cannot_leave_their_range():
    layer = LearnableBallPhysics()
    for offset in layer.offsets.values():
        offset.data.fill_(8.0)
    physics = layer.physics()
    assert 0 < physics.restitution < 1
    assert physics.drag > BallPhysics().drag
    assert layer.prior_loss() > 100


def test_a_flight_teaches_drag_and_restitution():
    real = BallPhysics(drag=0.2, restitution=0.6)
    truth = simulate(BallState.of(*STATE, real), 2.0, 5.0, real).positions[1:].transpose(0, 1)
    layer = LearnableBallPhysics().double()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        (layer.roll_out(*STATE, 10, 5.0) - truth).square().mean().backward()
        optimizer.step()
    learned = layer.physics()
    assert learned.drag.item() == pytest.approx(0.2, abs=0.03)
    assert learned.restitution.item() == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_wild_states_roll_out_to_finite_places(scale):
    state = tuple((scale * torch.randn(8, 3)).requires_grad_() for _ in range(3))
    path = LearnableBallPhysics().roll_out(*state, 10, 25.0)
    path.sum().backward()
    assert path.isfinite().all()
    assert all(part.grad.isfinite().all() for part in state)
