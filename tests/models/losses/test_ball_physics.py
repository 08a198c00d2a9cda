"""Loss of motion that no ball can do."""

from __future__ import annotations

import pytest
import torch

from footmm.errors import ConfigError
from footmm.models.losses import PhysicsConstraintLoss
from footmm.simulation.flights import FlightSettings, sample_flights
from footmm.simulation.tracks import BallMode

RATE = 25.0


@pytest.fixture(scope="module")
def flights():
    """Exact states (N, T, 9) of flights of all kinds, and their modes (N, T)."""
    found = sample_flights(32, 1, FlightSettings(num_frames=40, rate=RATE))
    states = torch.cat(
        [torch.from_numpy(part) for part in (found.positions, found.velocities, found.spins)], -1
    )
    rolling = torch.from_numpy(found.rolling)
    return states, torch.where(rolling, int(BallMode.ROLL), int(BallMode.FLY))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exact_flights_cost_nothing(flights, dtype):
    states, modes = flights
    weight = torch.ones(modes.shape)
    terms = PhysicsConstraintLoss(RATE).terms(states.to(dtype), modes, weight)
    assert set(terms) == {"gravity", "contact", "energy", "speed"}
    assert all(term < 1e-5 for term in terms.values()), terms
    # All kinds were there: balls that fly and bounce, and balls that roll.
    assert {0, 1} == set(modes.flatten().tolist())


def test_balls_that_roll_fast_cost_nothing_each():
    """They spin with up to 310 rad/s."""
    settings = FlightSettings(num_frames=10, rate=RATE, shares=(0.0, 1.0, 0.0, 0.0))
    found = sample_flights(64, 2, settings)
    assert (found.spins**2).sum(-1).max() > 200.0**2
    loss = PhysicsConstraintLoss(RATE)
    for number in range(64):
        parts = (found.positions, found.velocities, found.spins)
        states = torch.cat([torch.from_numpy(part[number : number + 1]) for part in parts], -1)
        modes = torch.where(torch.from_numpy(found.rolling[number : number + 1]), 1, 0)
        assert loss(states, modes, torch.ones(1, 10)) < 1e-5


def test_masked_frames_may_be_nan(flights):
    states, modes = flights
    weight = torch.ones(modes.shape)
    weight[:, 5] = 0.0
    broken = states.clone()
    broken[:, 5] = torch.nan
    broken.requires_grad_()
    loss = PhysicsConstraintLoss(RATE)(broken, modes, weight)
    loss.backward()
    assert loss < 1e-5
    assert broken.grad.isfinite().all()


@pytest.mark.parametrize(
    ("term", "change"),
    [
        ("gravity", lambda states: states[..., 3:6].mul_(0.9)),
        ("gravity", lambda states: states[:, 20:, 2].add_(0.5)),
        ("contact", lambda states: states[..., 2].sub_(0.3)),
        ("energy", lambda states: states[:, 20:, 2].add_(3.0)),
        ("speed", lambda states: states[..., 3:6].mul_(4.0)),
    ],
)
def test_impossible_motion_costs(flights, term, change):
    states, modes = flights
    wrong = states.clone()
    change(wrong)
    loss = PhysicsConstraintLoss(RATE)
    weight = torch.ones(modes.shape)
    assert loss.terms(wrong, modes, weight)[term] > 1e-2
    assert loss(wrong, modes, weight) > loss(states, modes, weight)


def test_touches_and_masked_frames_are_free(flights):
    states, modes = flights
    jumps = states.clone()
    jumps[:, 20:, :2] += 5.0
    loss, weight = PhysicsConstraintLoss(RATE, contact_weight=0.0), torch.ones(modes.shape)
    held = modes.clone()
    held[:, 19:21] = int(BallMode.POSSESSED)
    free = weight.clone()
    free[:, 19:21] = 0.0
    held[modes == BallMode.ROLL] = int(BallMode.POSSESSED)
    for target, mask in ((held, weight), (held, free)):
        assert loss.terms(jumps, target, mask)["gravity"] < 1e-5


def test_gradients_are_right(flights):
    states, _modes = flights
    generator = torch.Generator().manual_seed(0)
    pred = states[:3, 5:8].double() + 0.3 * torch.randn(3, 3, 9, generator=generator).double()
    pred[..., 2] += 3.0
    pred.requires_grad_()
    loss, weight = PhysicsConstraintLoss(RATE), torch.ones(3, 3)
    fly = torch.zeros(3, 3, dtype=torch.long)
    assert torch.autograd.gradcheck(lambda values: loss(values, fly, weight), (pred,), atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1e3, 1e6])
def test_wild_predictions_have_finite_gradients(flights, scale):
    _, modes = flights
    pred = (scale * torch.randn(*modes.shape, 9)).requires_grad_()
    loss = PhysicsConstraintLoss(RATE)(pred, modes, torch.ones(modes.shape))
    loss.backward()
    assert loss.isfinite()
    assert pred.grad.isfinite().all()


def test_impossible_arguments_are_refused():
    with pytest.raises(ConfigError, match="above 0"):
        PhysicsConstraintLoss(rate=0.0)
