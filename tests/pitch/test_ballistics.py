from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from footmm.errors import ConfigError
from footmm.pitch.ballistics import (
    BallPhysics,
    BallState,
    acceleration,
    energy,
    kick_to,
    roll_speed_to_reach,
    rolling_spin,
    simulate,
    step,
)

PHYSICS = BallPhysics()
RADIUS = 0.69 / (2 * np.pi)
NO_AIR = BallPhysics(air_density=0.0, spin_decay=0.0)


class Reference:
    """The same equations, written in numpy and solved phase by phase with solve_ivp."""

    def __init__(self, physics):
        self.c = physics
        self.area = 0.5 * physics.air_density * np.pi * RADIUS**2 / physics.mass

    def drag(self, v, w):
        return self.area * (
            self.c.drag * np.linalg.norm(v) + self.c.spin_drag * RADIUS * np.linalg.norm(w)
        )

    def fly(self, _, y):
        v, w = y[3:6], y[6:9]
        speed = np.linalg.norm(v)
        parameter = RADIUS * np.linalg.norm(w) / speed
        force = -self.drag(v, w) * v - [0, 0, self.c.gravity]
        if parameter > 0:
            coefficient = self.c.lift * parameter / (1 + self.c.lift_saturation * parameter)
            direction = np.cross(w / np.linalg.norm(w), v / speed)
            force = force + self.area * coefficient * speed**2 * direction
        return np.concatenate([v, force, -self.c.spin_decay * w])

    @staticmethod
    def slip(y):
        return y[3:5] + RADIUS * np.array([-y[7], y[6]])

    def slide(self, _, y):
        along = self.slip(y) / np.linalg.norm(self.slip(y))
        push = -self.c.sliding_friction * self.c.gravity * np.array([*along, 0])
        turn = np.cross([0, 0, -RADIUS], push) / (self.c.inertia * RADIUS**2)
        turn[2] = -self.c.spin_decay * y[8]
        return np.concatenate([y[3:6], push - self.drag(y[3:6], y[6:9]) * y[3:6], turn])

    def roll(self, _, y):
        # The air slows the turning, too: the mass it acts on is (1 + inertia) times the ball's.
        speed = np.linalg.norm(y[3:5])
        air = self.area * (self.c.drag + self.c.spin_drag) / (1 + self.c.inertia) * speed**2
        slow = -(self.c.rolling_deceleration + air) * y[3:6] / speed
        turn = np.array([-slow[1], slow[0], -self.c.spin_decay * y[8] * RADIUS]) / RADIUS
        return np.concatenate([y[3:6], slow, turn])

    def bounce(self, y):
        up = -self.c.restitution * y[5]
        stays = up < self.c.min_bounce_speed
        up = 0.0 if stays else up
        impulse = -self.slip(y) / (1 + 1 / self.c.inertia)
        most = self.c.bounce_friction * (up - y[5])
        impulse *= min(1.0, most / max(np.linalg.norm(impulse), 1e-12))
        push = np.array([*impulse, 0])
        y[6:9] += np.cross([0, 0, -RADIUS], push) / (self.c.inertia * RADIUS**2)
        y[3:5] += impulse
        y[5] = up
        return stays

    def solve(self, start, times):
        y, now, out = np.array(start, float), 0.0, np.full((len(times), 3), np.nan)
        phases = {
            "fly": (self.fly, lambda _, y: y[2] - RADIUS),
            "slide": (self.slide, lambda _, y: np.linalg.norm(self.slip(y)) - 1e-6),
            "roll": (self.roll, lambda _, y: np.linalg.norm(y[3:5]) - 1e-6),
        }
        phase, end = "fly", times[-1]
        while now < end and phase != "rest":
            equation, event = phases[phase]
            event.terminal, event.direction = True, -1
            solved = solve_ivp(
                equation, (now, end), y, events=event, rtol=1e-10, atol=1e-11, dense_output=True
            )
            inside = (times >= now) & (times <= solved.t[-1])
            if inside.any():
                out[inside] = solved.sol(times[inside])[:3].T
            y, now = solved.y[:, -1], solved.t[-1]
            phase = {"fly": "fly", "slide": "roll", "roll": "rest"}[phase]
            if phase == "fly" and now < end:
                y[2] = RADIUS
                phase = "slide" if self.bounce(y) else "fly"
            if phase == "slide" and np.linalg.norm(self.slip(y)) < 1e-9:
                phase = "roll"
            if phase == "roll" and np.linalg.norm(y[3:5]) < 1e-9:
                phase = "rest"
        out[times >= now] = y[:3]
        return out


STARTS = [
    # position, velocity, spin
    ([0, 0, 0.5], [15, 3, 8], [5, 50, 10]),  # bounces with back spin
    ([-20, 5, 2.0], [20, -4, -3], [-10, 60, 40]),
    ([0, 0, 1.0], [2, 1, 0], [30, -30, 5]),  # rests before the end
    ([0, 0, 0.3], [32, 2, 9], [-5, -40, 60]),
    ([3, 3, 3.0], [0, 0, 0.1], [0, 0, 0]),  # straight down
    ([0, 0, 0.2], [12, -9, 0.5], [0, 0, 0]),  # slides, then rolls
    ([0, 0, 0.15], [25, 0, -0.5], [60, -30, 20]),  # slides in a curve
]


def _random_starts(count, seed=0):
    rng = np.random.default_rng(seed)
    position = rng.uniform([-50, -30, RADIUS], [50, 30, 4], (count, 3))
    velocity = rng.normal(0, 1, (count, 3)) * [18, 18, 8]
    return BallState.of(position, velocity, rng.normal(0, 60, (count, 3)))


def _states(path):
    return BallState(path.positions, path.velocities, path.spins, path.rolling)


@pytest.mark.parametrize("rate", [25, 100])
def test_equals_solve_ivp_to_a_millimetre_over_five_seconds(rate):
    position, velocity, spin = (np.array(part, float) for part in zip(*STARTS, strict=True))
    path = simulate(BallState.of(position, velocity, spin), 5.0, rate)
    times = np.arange(5 * rate + 1) / rate
    assert path.positions.shape == (5 * rate + 1, len(STARTS), 3)
    assert np.allclose(path.time, times)
    reference = Reference(PHYSICS)
    for index, start in enumerate(STARTS):
        expected = reference.solve(np.concatenate(start), times)
        error = np.linalg.norm(path.positions[:, index].numpy() - expected, axis=1)
        assert error.max() < 1e-3, start
    # The test is about something: some bounce, slide, roll and rest.
    assert path.rolling[-1].sum() >= 3
    assert bool((path.velocities[-1, 2] == 0).all())


def test_equals_solve_ivp_whatever_the_start():
    starts = _random_starts(40, seed=9)
    path = simulate(starts, 5.0, 25)
    motions = torch.cat((starts.position, starts.velocity, starts.spin), -1).numpy()
    for index, motion in enumerate(motions):
        expected = Reference(PHYSICS).solve(motion, path.time.numpy())
        error = np.linalg.norm(path.positions[:, index].numpy() - expected, axis=1)
        assert error.max() < 1e-3, motion


def test_energy_never_grows():
    path = simulate(_random_starts(3000), 4.0, 25)
    total = energy(_states(path), PHYSICS)
    assert float((total[1:] - total[:-1]).max()) <= 1e-9 * float(total.max())
    # Balls start with hundreds of joules, and many end on the ground.
    assert float(total[0].max()) > 200
    assert 0.2 < float(path.rolling[-1].double().mean()) < 1
    assert bool(torch.isfinite(path.positions).all())
    assert float(path.positions[..., 2].min()) >= RADIUS - 1e-12


def test_a_batch_of_one_equals_an_element_of_a_batch():
    many = _random_starts(60, seed=1)
    whole = simulate(many, 2.0, 25)
    for index in (0, 17, 59):
        one = BallState(*(part[index] for part in vars(many).values()))
        alone = simulate(one, 2.0, 25)
        assert alone.positions.shape == (51, 3)
        assert torch.allclose(alone.positions, whole.positions[:, index], rtol=0, atol=1e-9)
        assert torch.equal(alone.rolling, whole.rolling[:, index])


def test_any_batch_shape_and_a_step_is_a_frame():
    states = BallState.of(torch.rand(2, 3, 3).double() + 1, torch.rand(2, 3, 3).double() * 9)
    path = simulate(states, 0.04, 25)
    assert path.spins.shape == (2, 2, 3, 3)
    after = step(states, 0.04, PHYSICS)
    assert torch.equal(after.position, path.positions[1])
    assert torch.equal(after.rolling, path.rolling[1])


@pytest.mark.parametrize("index", range(len(STARTS)))
def test_gradients_with_respect_to_the_start_equal_finite_differences(index):
    def final(values):
        state = BallState.of(values[:3], values[3:6], values[6:9])
        path = simulate(state, 2.0, 25)
        return (path.positions * torch.tensor([1.0, 0.7, 0.3])).sum()

    # A ball without spin or sideways speed has kinks there: move a little off.
    start = torch.tensor(np.concatenate(STARTS[index]), dtype=torch.float64) + 0.013
    start.requires_grad_(True)
    (gradient,) = torch.autograd.grad(final(start), start)
    assert bool(torch.isfinite(gradient).all())
    _assert_gradient(final, start.detach(), gradient)


def _assert_gradient(function, values, gradient):
    for index in range(len(values)):
        nudge = torch.zeros_like(values)
        nudge[index] = 1e-5
        slope = float((function(values + nudge) - function(values - nudge)) / 2e-5)
        assert float(gradient[index]) == pytest.approx(slope, rel=1e-4, abs=1e-4)


def test_gradients_with_respect_to_the_constants_equal_finite_differences():
    names = ("drag", "spin_drag", "lift", "restitution", "bounce_friction", "sliding_friction")
    names += ("rolling_deceleration", "spin_decay", "gravity", "circumference", "mass")
    # One that bounces and grips, one that slips and slides.
    state = BallState.of(
        [[0, 0, 0.5], [0, 0, 0.3]], [[15, 3, 5.0], [28, 2, 1.0]], [[5, 50, 10.0], [20, -30, 0]]
    )

    def final(values):
        path = simulate(state, 5.0, 25, replace(PHYSICS, **dict(zip(names, values, strict=True))))
        return path.positions[-1].sum()

    values = torch.tensor([getattr(PHYSICS, name) for name in names], dtype=torch.float64)
    values.requires_grad_(True)
    (gradient,) = torch.autograd.grad(final(values), values)
    assert bool((gradient != 0).all())
    _assert_gradient(final, values.detach(), gradient)


def test_gradients_of_a_ball_at_rest_are_finite():
    velocity = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    spin = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    path = simulate(BallState.of([0, 0, RADIUS], velocity, spin), 1.0, 25)
    assert bool(path.rolling.all())
    assert torch.equal(path.positions[-1], path.positions[0])
    gradients = torch.autograd.grad(path.positions.sum(), (velocity, spin), allow_unused=True)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


def test_without_air_a_flight_is_a_parabola():
    path = simulate(BallState.of([1, 2, 3], [4, 5, 6.0], [10, 20, 30]), 1.0, 50, NO_AIR)
    t = path.time[:, None]
    expected = torch.tensor([1.0, 2, 3]) + t * torch.tensor([4.0, 5, 6])
    expected[:, 2] -= 0.5 * 9.81 * t[:, 0] ** 2
    assert torch.allclose(path.positions, expected, atol=1e-12)
    assert torch.equal(path.spins[-1], torch.tensor([10.0, 20, 30], dtype=torch.float64))


def test_acceleration_has_drag_lift_and_gravity():
    state = BallState.of([0, 0, 5], [20, 0, 0.0], [0, 0, 40.0])
    factor = 0.5 * 1.2 * np.pi * RADIUS**2 / 0.43
    parameter = RADIUS * 40 / 20
    drag = factor * (PHYSICS.drag + PHYSICS.spin_drag * parameter) * 400
    lift = factor * parameter / (1 + 2 * parameter) * 400
    assert acceleration(state, PHYSICS).tolist() == pytest.approx([-drag, lift, -9.81])


def test_back_spin_lifts_top_spin_dips_and_side_spin_bends():
    # Spin about -y turns the top of a ball that flies along x against its way: back spin.
    spins = [[0, 0, 0.0], [0, -60, 0], [0, 60, 0], [0, 0, 60]]
    path = simulate(BallState.of([0, 0, 1], [25, 0, 8.0], spins), 0.8, 25)
    plain, back, top, side = path.positions[-1]
    assert back[2] > plain[2] + 0.5
    assert top[2] < plain[2] - 0.5
    assert side[1] > 0.5


def test_a_dropped_ball_comes_back_to_the_square_of_the_restitution():
    physics = replace(NO_AIR, restitution=0.6)
    path = simulate(BallState.of([0, 0, RADIUS + 2.0], [0, 0, 0.0]), 1.4, 1000, physics)
    bounced = path.positions[(path.time > 0.7) & (path.time < 1.2), 2]
    assert float(bounced.max()) - RADIUS == pytest.approx(2.0 * 0.36, abs=1e-4)


@pytest.mark.parametrize(
    ("friction", "speed", "along"),
    [
        # Grip: 1 / (1 + inertia) of the speed is left, the contact point stands.
        (5.0, 10.0, 6.0),
        # Slip: the impulse is friction times the vertical one, 0.2 * (1 + 0.5) * 4.
        (0.2, 10.0, 8.8),
    ],
)
def test_a_bounce_grips_or_slips(friction, speed, along):
    physics = replace(NO_AIR, restitution=0.5, bounce_friction=friction)
    fall = 4.0**2 / (2 * 9.81)
    state = BallState.of([0, 0, RADIUS + fall], [speed, 0, 0.0])
    after = step(state, 4.0 / 9.81 + 1e-6, physics)
    assert after.velocity.tolist() == pytest.approx([along, 0, 2.0], abs=1e-4)
    # What the ball loses along the ground turns it: inertia * radius * spin = change of speed.
    assert float(after.spin[1]) == pytest.approx((speed - along) / (2 / 3 * RADIUS), abs=1e-6)


def test_a_sliding_ball_rolls_on_with_three_fifths_of_its_speed():
    state = BallState.of([0, 0, 0], [10, 0, 0.0])
    assert bool(state.rolling)
    friction = 0.5 * 9.81
    physics = replace(NO_AIR, sliding_friction=0.5, rolling_deceleration=1e-9)
    after = simulate(state, 2.0, 25, physics)
    assert float(after.velocities[-1, 0]) == pytest.approx(6.0, abs=1e-6)
    assert float(after.spins[-1, 1]) == pytest.approx(6.0 / RADIUS, abs=1e-4)
    sliding = 4.0 / friction
    assert float(after.positions[-1, 0]) == pytest.approx(
        8.0 * sliding + 6.0 * (2.0 - sliding), abs=1e-6
    )


def test_a_rolling_ball_comes_to_rest_on_the_ground():
    physics = replace(NO_AIR, rolling_deceleration=0.5)
    velocity = torch.tensor([3.0, 4.0, 0.0], dtype=torch.float64)
    path = simulate(BallState.of([0, 0, 0.0], velocity, rolling_spin(velocity)), 12.0, 5, physics)
    # 5 m/s and 0.5 m/s^2: 25 m in 10 s.
    assert path.positions[-1].tolist() == pytest.approx([15.0, 20.0, RADIUS])
    assert not path.velocities[-1].any()
    assert not path.spins[-1].any()
    assert path.velocities[49].any()


def test_states_are_put_on_the_ground_and_keep_their_dtype():
    state = BallState.of(
        np.array([[0, 0, -0.2], [0, 0, 0.05], [0, 0, 1.0]], np.float32),
        np.array([[5, 0, 0.3], [5, 0, 2.0], [5, 0, 0.1]], np.float32),
    )
    assert state.position.dtype == state.spin.dtype == torch.float32
    assert state.position[:, 2].tolist() == pytest.approx([RADIUS, RADIUS, 1.0])
    assert state.rolling.tolist() == [True, False, False]
    assert state.velocity[:, 2].tolist() == pytest.approx([0.0, 2.0, 0.1])
    assert simulate(state, 1.0, 25).positions.dtype == torch.float32
    assert BallState.of([0, 0, 1], [1, 0, 0]).velocity.dtype == torch.float64


def _kicks(count=200):
    rng = np.random.default_rng(3)
    away = rng.uniform(8, 55, count)
    angle = rng.uniform(-np.pi, np.pi, count)
    target = np.column_stack(
        [away * np.cos(angle), away * np.sin(angle), rng.uniform(0.2, 2.4, count)]
    )
    return np.array([0, 0, RADIUS]), target, rng.normal(0, 30, (count, 3)), away


def _arrival(start, kick, spin):
    """Where the ball is after its flight, in small steps and without a ground."""
    lift = torch.tensor([0, 0, 1e3], dtype=torch.float64)
    velocity = torch.as_tensor(kick.velocity)
    state = BallState.of(torch.as_tensor(start) + lift, velocity, spin)
    places = []
    for index, time in enumerate(kick.flight_time.tolist()):
        one = BallState(*(part[index] for part in vars(state).values()))
        places.append(simulate(one, time, 20 / time).positions[-1] - lift)
    return torch.stack(places)


def test_a_kick_arrives_in_time():
    start, target, spin, away = _kicks(30)
    kick = kick_to(start, target, flight_time=away / 16, spin=spin)
    assert bool(kick.reached.all())
    assert torch.allclose(kick.flight_time, torch.as_tensor(away / 16))
    assert float((_arrival(start, kick, spin) - target).norm(dim=-1).max()) < 0.005


def test_a_kick_of_a_speed_arrives_on_the_lower_way():
    start, target, spin, away = _kicks(30)
    speed = 20 + 0.3 * away
    kick = kick_to(start, target, speed=speed, spin=spin)
    assert bool(kick.reached.all())
    assert np.allclose(kick.velocity.norm(dim=-1), speed, atol=1e-3)
    assert float((_arrival(start, kick, spin) - target).norm(dim=-1).max()) < 0.01
    assert bool((kick.velocity[:, 2] < kick.velocity[:, :2].norm(dim=-1)).all())


def test_a_target_out_of_reach_is_told_apart_and_harms_no_other():
    targets = [[20.0, 0, 1], [90, 0, 1], [25, 5, 1]]
    kick = kick_to([0, 0, RADIUS], targets, speed=22.0)
    assert kick.reached.tolist() == [True, False, True]
    alone = kick_to([0, 0, RADIUS], targets[2], speed=22.0)
    assert alone.velocity.shape == (3,)
    assert torch.allclose(alone.velocity, kick.velocity[2], atol=1e-4)


@pytest.mark.parametrize("mode", ["flight_time", "speed"])
def test_gradients_of_kicks_equal_finite_differences(mode):
    def kick(values):
        given = {mode: values[6] if mode == "flight_time" else 16 * values[6]}
        found = kick_to(values[:3], values[3:6], spin=values[7:10], **given)
        return found.velocity @ found.velocity.new_tensor([1.0, -2.0, 3.0]) + found.flight_time

    values = torch.tensor([0, 0, 0.2, 25, 6, 1.5, 1.5, 10, 20, -30], dtype=torch.float64)
    values.requires_grad_(True)
    (gradient,) = torch.autograd.grad(kick(values), values)
    for index in range(10):
        nudge = torch.zeros(10, dtype=torch.float64)
        nudge[index] = 1e-3
        with torch.no_grad():
            slope = float((kick(values + nudge) - kick(values - nudge)) / 2e-3)
        assert float(gradient[index]) == pytest.approx(slope, rel=5e-3, abs=1e-3)


def test_a_kick_needs_either_a_time_or_a_speed():
    for given in ({}, {"flight_time": 1.0, "speed": 20.0}):
        with pytest.raises(ConfigError, match="flight_time or speed"):
            kick_to([0, 0, 0], [10, 0, 1], **given)


@pytest.mark.parametrize("physics", [PHYSICS, replace(PHYSICS, air_density=0.0)])
@pytest.mark.parametrize("arrival", [0.0, 3.0])
def test_a_rolling_ball_passes_the_distance_at_the_speed(arrival, physics):
    speed = roll_speed_to_reach(np.array(18.0), arrival, physics)
    velocity = torch.stack((speed, speed * 0, speed * 0))
    start = BallState.of([0, 0, RADIUS], velocity, rolling_spin(velocity, physics), physics)
    path = simulate(start, 15.0, 100, physics)
    if arrival == 0:
        assert float(path.positions[-1, 0]) == pytest.approx(18.0, abs=1e-6)
        return
    passing = float(np.interp(18.0, path.positions[:, 0], path.velocities[:, 0]))
    assert passing == pytest.approx(3.0, abs=1e-4)


@pytest.mark.parametrize(
    "wrong", [{"mass": 0.0}, {"drag": -0.1}, {"restitution": 1.2}, {"rolling_deceleration": 0}]
)
def test_constants_out_of_range_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        BallPhysics(**wrong)


def test_durations_and_rates_out_of_range_are_errors():
    state = BallState.of([0, 0, 1], [1, 0, 0])
    for given in ((-1.0, 25, PHYSICS, 1), (1.0, 0, PHYSICS, 1), (1.0, 25, PHYSICS, 0)):
        with pytest.raises(ConfigError, match="simulate"):
            simulate(state, *given)


def test_a_ball_that_has_gripped_has_gradients_in_single_precision():
    """Its slip is rounding, whose direction has no useful derivative."""
    start = torch.tensor([28.145, -29.797, 0.158, 8.32, -4.196, 0.8467, 11.602, 37.79, 1.555])
    start.requires_grad_()
    state = BallState.of(start[:3], start[3:6], start[6:])
    path = simulate(state, 1.0, 5.0)
    assert path.rolling[-1]
    path.positions.sum().backward()
    assert start.grad.isfinite().all()
