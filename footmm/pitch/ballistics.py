"""The ball: flight with drag and spin lift, bounces with spin exchange, sliding, rolling to rest.

One implementation for training (batched, differentiable), for metrics and for the simulation. All
tensors are metres, seconds and radians in the world frame; a position is the ball's centre, so a
ball on the ground has z equal to its radius.

* **Flight**: gravity; drag with the coefficient ``drag + spin_drag * S``; spin lift with
  ``lift * S / (1 + lift_saturation * S)``, the form of R. Cross, *Physics of Baseball & Softball*
  (2011). ``S = radius * |spin| / speed`` is the spin parameter. Spin decays exponentially.
* **Bounce**: normal restitution; along the ground an impulse that stops the slip of the contact
  point (Garwin, *Kinematics of an Ultraelastic Rough Ball*, 1969), at most what Coulomb's friction
  allows (Cross, *Grip-slip behavior of a bouncing ball*, 2002).
* **On the ground**: Coulomb friction until the contact point no longer slips, then rolling with a
  constant deceleration and the air's drag (in closed form) until the ball rests. Spin lift is left
  out here: within the half second that a ball slides it cannot leave the ground again.

Nothing here adds energy: drag, friction, restitution and spin decay take it, lift does no work.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from footmm.errors import ConfigError

_POSITION, _VELOCITY, _SPIN = slice(0, 3), slice(3, 6), slice(6, 9)
"""Places in the nine numbers of a motion."""

_GRIPPING = 1e-9
"""Speed of the contact point, metres a second, up to which a ball rolls, in double precision."""

_ROUNDED = 1e3
"""In single precision a rolling ball slips by rounding, at most by so many units in the last place
of 1 m/s; the direction of such a slip is noise, and its gradient beyond all bounds."""

_CONTACT_ITERATIONS = 6
"""Newton steps to the moment of contact: quadratic from a start that is right to a step."""

_SLIDE_STEPS, _SLIDE_SHARE = 3, 0.7
"""Steps towards the end of a slip, and how much of the time that is left each of them takes."""

_KICK_STEP = 0.4
"""Seconds between the integrator's points when a kick is sought: right to about a millimetre."""

_KICK_ITERATIONS = 8
"""Newton steps at most before the last one; two are usual."""

_NEAR, _THERE = 1.0, 0.05
"""A kick that misses by less, metres, is two (one) Newton steps away from within a centimetre."""

_SETTLED = 0.5
"""Change, metres a second, that the last Newton step may make to a kick that arrives."""

_LONGEST_FLIGHT = 12.0
"""Seconds up to which a kick is followed: longer than any that a foot can do."""


@dataclass(frozen=True)
class BallPhysics:
    """Constants of the ball, the air and the turf: floats, or scalar tensors to get gradients.

    Tensors are taken as they are; floats out of range are an error.

    Where the defaults come from: mass and circumference from the Laws of the Game; ``drag``,
    ``spin_drag``, ``restitution``, ``bounce_friction``, ``sliding_friction`` and
    ``rolling_deceleration`` from ``tools/analysis/fit_ball_physics.py``, fitted to one minute of
    real 50 Hz Hawk-Eye ball positions (``hawkeye_1_1.football.samples.ball``, a sample file of
    kloppy). A start fitted to the first 0.3 s of a flight then predicts the ball 1 s after the
    start to 0.21 m (median), one fitted to the whole second describes it to 0.02 m. That file does
    not tell the spin: lift is Cross's formula, ``spin_decay`` is assumed, and the two drag
    coefficients are known together better than each (0.10 to 0.15 for ``drag``).

    Attributes:
        mass: Kilogrammes.
        circumference: Metres.
        gravity: Metres a second squared.
        air_density: Kilogrammes a cubic metre.
        drag: Drag coefficient of a ball without spin.
        spin_drag: What the drag coefficient gains with each unit of the spin parameter.
        lift: Lift coefficient for each unit of a small spin parameter.
        lift_saturation: How lift levels off: it tends to ``lift / lift_saturation``.
        spin_decay: Share of its spin that a ball in the air loses, 1/s.
        inertia: Moment of inertia over mass times radius squared; 2/3 is a thin shell.
        restitution: Vertical speed after a bounce over that before it.
        bounce_friction: Coulomb's coefficient of friction during a bounce.
        sliding_friction: The same while the ball slides on the turf.
        rolling_deceleration: What the turf takes from a rolling ball, metres a second squared;
            greater than 0.
        min_bounce_speed: A ball that would leave the ground slower than this, metres a second,
            stays on it.

    Raises:
        ConfigError: A float is out of range.
    """

    mass: float | Tensor = 0.43
    circumference: float | Tensor = 0.69
    gravity: float | Tensor = 9.81
    air_density: float | Tensor = 1.2
    drag: float | Tensor = 0.125
    spin_drag: float | Tensor = 0.227
    lift: float | Tensor = 1.0
    lift_saturation: float | Tensor = 2.0
    spin_decay: float | Tensor = 0.1
    inertia: float | Tensor = 2.0 / 3.0
    restitution: float | Tensor = 0.72
    bounce_friction: float | Tensor = 0.36
    sliding_friction: float | Tensor = 0.56
    rolling_deceleration: float | Tensor = 0.92
    min_bounce_speed: float | Tensor = 0.4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                continue
            limit = 1.0 if field.name == "restitution" else math.inf
            if not 0.0 <= value <= limit or (field.name in _POSITIVE and value == 0.0):
                above = "above" if field.name in _POSITIVE else "at least"
                raise ConfigError(
                    f"BallPhysics({field.name}={value}): give a number {above} 0"
                    + (" and at most 1" if limit == 1.0 else "")
                )

    @property
    def radius(self) -> float | Tensor:
        """Metres, scalar."""
        return self.circumference / (2.0 * math.pi)

    @property
    def air_factor(self) -> float | Tensor:
        """Deceleration by air over (coefficient x speed squared), 1/m, scalar."""
        return 0.5 * self.air_density * math.pi * self.radius**2 / self.mass

    @property
    def rolling_drag(self) -> float | Tensor:
        """Deceleration of a rolling ball by air over speed squared, 1/m, scalar.

        Its spin parameter is 1.
        """
        return self.air_factor * (self.drag + self.spin_drag) / (1.0 + self.inertia)


_POSITIVE = frozenset(
    {"mass", "circumference", "gravity", "inertia", "rolling_deceleration", "min_bounce_speed"}
)
"""Constants that the equations divide by."""


@dataclass(frozen=True)
class BallState:
    """Balls at one time; :meth:`of` also takes arrays and lists.

    Attributes:
        position: ``(B..., 3)``, metres, world frame: the centre.
        velocity: ``(B..., 3)``, metres a second.
        spin: ``(B..., 3)``, radians a second, right-handed.
        rolling: ``(B...)`` bool: the ball stays on the ground, where it slides, rolls or rests.
    """

    position: Tensor
    velocity: Tensor
    spin: Tensor
    rolling: Tensor

    @classmethod
    def of(
        cls,
        position: Any,
        velocity: Any,
        spin: Any = None,
        physics: BallPhysics | None = None,
    ) -> BallState:
        """Make a state of anything like an array.

        A ball below the ground is put on it; one that touches the ground and does not leave or hit
        it faster than ``physics.min_bounce_speed`` stays on it.

        Args:
            position: ``(B..., 3)``, metres, world frame.
            velocity: ``(B..., 3)``, metres a second.
            spin: ``(B..., 3)``, radians a second; None: no spin.
            physics: Constants; None: the defaults.
        """
        physics = physics or BallPhysics()
        spin = (0.0, 0.0, 0.0) if spin is None else spin
        position, velocity, spin = _alike(position, velocity, spin)
        position, velocity, spin = torch.broadcast_tensors(position, velocity, spin)
        radius = _plain(physics.radius)
        height, vertical = position[..., 2], velocity[..., 2]
        rolling = (height <= radius) & (vertical.abs() < _plain(physics.min_bounce_speed))
        lifted = torch.stack((position[..., 0], position[..., 1], height.clamp(min=radius)), -1)
        flat = velocity * velocity.new_tensor((1.0, 1.0, 0.0))
        return cls(lifted, torch.where(rolling[..., None], flat, velocity), spin, rolling)


@dataclass(frozen=True)
class BallTrajectory:
    """Balls over time.

    Attributes:
        time: ``(T,)``, seconds since the start.
        positions: ``(T, B..., 3)``, metres, world frame.
        velocities: ``(T, B..., 3)``, metres a second.
        spins: ``(T, B..., 3)``, radians a second.
        rolling: ``(T, B...)`` bool: on the ground to stay.
    """

    time: Tensor
    positions: Tensor
    velocities: Tensor
    spins: Tensor
    rolling: Tensor


@dataclass(frozen=True)
class Kick:
    """How to kick balls so that they arrive.

    Attributes:
        velocity: ``(B..., 3)``, metres a second, world frame: right after the kick.
        flight_time: ``(B...)``, seconds from the kick to the target.
        reached: ``(B...)`` bool: the ball comes within a centimetre of the target. Where False (the
            target is too far for the speed) the velocity is no solution, perhaps nan.
    """

    velocity: Tensor
    flight_time: Tensor
    reached: Tensor


def acceleration(state: BallState, physics: BallPhysics) -> Tensor:
    """Acceleration of balls in the air: gravity, drag and spin lift.

    Args:
        state: The balls; ``rolling`` is not looked at.
        physics: Constants.

    Returns:
        ``(B..., 3)``, metres a second squared, world frame.
    """
    motion = torch.cat((state.position, state.velocity, state.spin), -1)
    return _flight(motion, physics)[..., _VELOCITY]


def energy(state: BallState, physics: BallPhysics) -> Tensor:
    """Kinetic, rotational and potential energy, 0 for a ball that rests on the ground.

    Args:
        state: The balls.
        physics: Constants.

    Returns:
        ``(B...)``, joules.
    """
    moment = physics.inertia * physics.radius**2
    height = state.position[..., 2] - physics.radius
    moving = (state.velocity**2).sum(-1) + moment * (state.spin**2).sum(-1)
    return physics.mass * (0.5 * moving + physics.gravity * height)


def rolling_spin(velocity: Any, physics: BallPhysics | None = None) -> Tensor:
    """Spin of balls that roll without slipping.

    Args:
        velocity: ``(B..., 3)``, metres a second; only x and y count.
        physics: Constants; None: the defaults.

    Returns:
        ``(B..., 3)``, radians a second.
    """
    (velocity,) = _alike(velocity)
    radius = (physics or BallPhysics()).radius
    x, y = velocity[..., 0] / radius, velocity[..., 1] / radius
    return torch.stack((-y, x, torch.zeros_like(x)), -1)


def limited(vectors: Tensor, limit: float) -> Tensor:
    """Return vectors ``(B..., 3)``, those longer than a limit cut to it.

    For what a network says of a state before it is followed: nothing overflows.
    """
    return vectors * (limit / _norm(vectors).clamp(min=limit))


def step(state: BallState, duration: float, physics: BallPhysics) -> BallState:
    """Move balls on by one time step (fourth-order Runge-Kutta between contacts).

    A contact inside the step is found, the ball bounces there and goes on for the rest of the step.

    Args:
        state: The balls.
        duration: Seconds; up to 0.04 a flight is right to about a millimetre.
        physics: Constants.
    """
    shape = state.rolling.shape
    motion = torch.cat((state.position, state.velocity, state.spin), -1).reshape(-1, 9)
    motion, rolling = _advance(motion, state.rolling.reshape(-1), duration, physics)
    parts = (part.reshape(*shape, 3) for part in motion.split(3, -1))
    return BallState(*parts, rolling.reshape(shape))


def simulate(
    state: BallState,
    duration: float,
    rate: float,
    physics: BallPhysics | None = None,
    substeps: int = 1,
) -> BallTrajectory:
    """Follow balls for a while.

    Args:
        state: The balls at the start, which is the first of the returned times.
        duration: Seconds; rounded to whole frames.
        rate: Frames a second.
        physics: Constants; None: the defaults.
        substeps: Integrator steps a frame.

    Raises:
        ConfigError: ``duration`` is negative, or ``rate`` or ``substeps`` is not above 0.
    """
    if duration < 0 or rate <= 0 or substeps < 1:
        raise ConfigError(
            f"simulate(duration={duration}, rate={rate}, substeps={substeps}): the duration is at "
            "least 0, the rate above 0 and there is at least one step a frame"
        )
    physics = physics or BallPhysics()
    shape, count = state.rolling.shape, round(duration * rate) + 1
    motion = torch.cat((state.position, state.velocity, state.spin), -1).reshape(-1, 9)
    rolling = state.rolling.reshape(-1)
    motions, on_ground = [motion], [rolling]
    for _ in range(count - 1):
        for _ in range(substeps):
            motion, rolling = _advance(motion, rolling, 1.0 / (rate * substeps), physics)
        motions.append(motion)
        on_ground.append(rolling)
    parts = torch.stack(motions).reshape(count, *shape, 9).split(3, -1)
    time = torch.arange(count, dtype=motion.dtype, device=motion.device) / rate
    return BallTrajectory(time, *parts, torch.stack(on_ground).reshape(count, *shape))


def kick_to(
    start: Any,
    target: Any,
    *,
    flight_time: Any = None,
    speed: Any = None,
    spin: Any = None,
    physics: BallPhysics | None = None,
) -> Kick:
    """Find the kick that brings a ball through the air to a target (Newton's method, shooting).

    Differentiable with respect to all arguments. The ground between start and target is not looked
    at. For a ball on the ground see :func:`roll_speed_to_reach`.

    Args:
        start: ``(B..., 3)``, metres, world frame.
        target: ``(B..., 3)``, metres, world frame.
        flight_time: ``(B...)``, seconds until the ball is at the target.
        speed: ``(B...)``, metres a second right after the kick; of the two flights that reach the
            target the lower one is taken.
        spin: ``(B..., 3)``, radians a second right after the kick; None: no spin.
        physics: Constants; None: the defaults.

    Raises:
        ConfigError: Not exactly one of ``flight_time`` and ``speed`` is given.
    """
    if (flight_time is None) == (speed is None):
        raise ConfigError("kick_to needs flight_time or speed, and not both")
    physics = physics or BallPhysics()
    spin = (0.0, 0.0, 0.0) if spin is None else spin
    given = flight_time if speed is None else speed
    start, target, spin, given = _alike(start, target, spin, given)
    shape = torch.broadcast_shapes(
        start.shape[:-1], target.shape[:-1], spin.shape[:-1], given.shape
    )
    start, target, spin = (
        value.expand(*shape, 3).reshape(-1, 3) for value in (start, target, spin)
    )
    given = given.expand(shape).reshape(-1)
    time = given if speed is None else _guess_time(target - start, given, physics)
    velocity = _guess_velocity(target - start, time, physics)
    wanted = None if speed is None else given
    with torch.no_grad():
        for _ in range(_KICK_ITERATIONS):
            velocity, time, miss = _improve_kick(
                velocity, time, start, target, spin, wanted, physics
            )
            if bool((miss < _NEAR).all()):
                break
    # The last step is the one that gradients go through: at a root Newton's step has the gradient
    # of the root itself (implicit function theorem).
    time = given if speed is None else time.detach()
    nearly = velocity.detach()
    velocity, time, miss = _improve_kick(nearly, time, start, target, spin, wanted, physics)
    reached = (miss < _THERE) & (_norm(velocity.detach() - nearly)[:, 0] < _SETTLED)
    return Kick(velocity.reshape(*shape, 3), time.reshape(shape), reached.reshape(shape))


def roll_speed_to_reach(
    distance: Any, arrival_speed: Any, physics: BallPhysics | None = None
) -> Tensor:
    """Speed at which a ball must start to roll to pass a place at a speed.

    The ball rolls from the start (see :func:`rolling_spin`): it does not slide.

    Args:
        distance: ``(B...)``, metres.
        arrival_speed: ``(B...)``, metres a second; 0: it comes to rest there.
        physics: Constants; None: the defaults.

    Returns:
        ``(B...)``, metres a second.
    """
    physics = physics or BallPhysics()
    distance, arrival_speed = _alike(distance, arrival_speed)
    drag = _not_zero(physics.rolling_drag)
    # d(v^2)/dx = -2 (deceleration + drag v^2), from the target back to the start.
    gain = torch.expm1(2.0 * drag * distance)
    squared = arrival_speed**2 * (1.0 + gain) + physics.rolling_deceleration / drag * gain
    return torch.sqrt(squared)


def _alike(*values: Any) -> tuple[Tensor, ...]:
    """Tensors of one dtype and device: those of the tensors and arrays given, else float64."""
    given = [torch.as_tensor(value) for value in values if isinstance(value, (Tensor, np.ndarray))]
    dtypes = [value.dtype for value in given if value.is_floating_point()]
    dtype = reduce(torch.promote_types, dtypes) if dtypes else torch.float64
    device = given[0].device if given else None
    return tuple(torch.as_tensor(value, dtype=dtype, device=device) for value in values)


def _plain(value: float | Tensor) -> float:
    """A constant without its gradient."""
    return float(value.detach()) if isinstance(value, Tensor) else value


def _not_zero(value: float | Tensor) -> float | Tensor:
    """A drag that may be divided by: the error of a billionth is below a float's."""
    return value.clamp(min=1e-9) if isinstance(value, Tensor) else max(value, 1e-9)


def _norm(vectors: Tensor) -> Tensor:
    """Lengths ``(..., 1)`` of vectors ``(..., D)``."""
    return torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)


def _unit(vectors: Tensor) -> Tensor:
    """Vectors ``(..., D)`` of length 1; zero stays zero."""
    return vectors / _norm(vectors).clamp(min=torch.finfo(vectors.dtype).tiny)


def _rk4(
    derivative: Callable[[Tensor], Tensor], motion: Tensor, duration: float | Tensor
) -> Tensor:
    """One step of the classical Runge-Kutta method."""
    half = 0.5 * duration
    first = derivative(motion)
    second = derivative(motion + half * first)
    third = derivative(motion + half * second)
    fourth = derivative(motion + duration * third)
    return motion + duration / 6.0 * (first + 2.0 * (second + third) + fourth)


def _air_drag(velocity: Tensor, spin: Tensor, physics: BallPhysics) -> tuple[Tensor, Tensor]:
    """Drag over velocity, 1/s, and lift over (spin x velocity), both ``(..., 1)``."""
    speed = _norm(velocity)
    surface = physics.radius * _norm(spin)
    drag = physics.air_factor * (physics.drag * speed + physics.spin_drag * surface)
    # The tiny number: neither speed nor spin.
    share = speed / (speed + physics.lift_saturation * surface + 1e-12)
    return drag, physics.air_factor * physics.lift * physics.radius * share


def _flight(motion: Tensor, physics: BallPhysics) -> Tensor:
    """Time derivative of motions ``(..., 9)`` in the air."""
    velocity, spin = motion[..., _VELOCITY], motion[..., _SPIN]
    drag, lift = _air_drag(velocity, spin, physics)
    gravity = motion.new_tensor((0.0, 0.0, -1.0)) * physics.gravity
    sideways = torch.linalg.cross(spin, velocity)
    forced = lift * sideways - drag * velocity + gravity
    return torch.cat((velocity, forced, -physics.spin_decay * spin), -1)


def _put(whole: Tensor, index: Tensor, part: Tensor) -> Tensor:
    """``whole`` with the rows ``index`` (distinct, ascending) replaced by ``part``."""
    return part if len(index) == len(whole) else whole.index_copy(0, index, part)


def _advance(
    motion: Tensor, rolling: Tensor, duration: float, physics: BallPhysics
) -> tuple[Tensor, Tensor]:
    """:func:`step` on motions ``(N, 9)`` and ``rolling`` ``(N,)``."""
    left = motion.new_full((len(motion), 1), duration)
    flying = torch.nonzero(~rolling)[:, 0]
    while len(flying):
        before, available = motion[flying], left[flying]
        after = _rk4(lambda part: _flight(part, physics), before, available)
        motion = _put(motion, flying, after)
        hit = torch.nonzero(after[:, 2] < physics.radius)[:, 0]
        if not len(hit):
            break
        contact, used = _contact(before[hit], after[hit], available[hit], physics)
        bounced, stays = _bounce(contact, physics)
        hitting = flying[hit]
        motion = _put(motion, hitting, bounced)
        left = _put(left, hitting, available[hit] - used)
        rolling = _put(rolling, hitting, stays)
        flying = hitting[~stays]
    grounded = torch.nonzero(rolling)[:, 0]
    if len(grounded):
        moved = _on_ground(motion[grounded], left[grounded], physics)
        motion = _put(motion, grounded, moved)
    return motion, rolling


def _contact(
    before: Tensor, after: Tensor, duration: Tensor, physics: BallPhysics
) -> tuple[Tensor, Tensor]:
    """Where and when balls that end a step below the ground touch it.

    Newton's method on the cubic through both ends of the step; one more Newton step on the
    integrator itself carries the gradient of the time of contact.

    Returns:
        The motions ``(N, 9)`` at the contact and the time ``(N, 1)`` since the step's start.
    """
    with torch.no_grad():
        high, rise = before[:, 2:3] - physics.radius, before[:, 5:6] * duration
        low, fall = after[:, 2:3] - physics.radius, after[:, 5:6] * duration
        cubic = 2.0 * (high - low) + rise + fall
        square = 3.0 * (low - high) - 2.0 * rise - fall
        # From this side of a falling (rising) end Newton's steps cannot pass the contact.
        share = (fall < 0).to(fall.dtype)
        for _ in range(_CONTACT_ITERATIONS):
            slope = (3.0 * cubic * share + 2.0 * square) * share + rise
            value = ((cubic * share + square) * share + rise) * share + high
            share = (share - value / slope).clamp(0.0, 1.0)
        time = share * duration
    motion = _rk4(lambda part: _flight(part, physics), before, time)
    late = (physics.radius - motion[:, 2:3]) / motion[:, 5:6]
    return motion + late * _flight(motion, physics), time + late


def _slip(motion: Tensor, physics: BallPhysics) -> Tensor:
    """Velocity ``(..., 2)`` of the point that touches the ground, metres a second."""
    turning = torch.stack((-motion[..., 7], motion[..., 6]), -1)
    return motion[..., 3:5] + physics.radius * turning


def _push(along: Tensor, physics: BallPhysics) -> Tensor:
    """Change ``(..., 9)`` of a motion when its contact point is pushed.

    Args:
        along: ``(..., 2)``, the impulse along the ground over the mass (or force over mass).
        physics: Constants.
    """
    turn = along / (physics.inertia * physics.radius)
    x, y, none = along[..., 0], along[..., 1], torch.zeros_like(along[..., 0])
    return torch.stack((none, none, none, x, y, none, turn[..., 1], -turn[..., 0], none), -1)


def _grip(motion: Tensor, physics: BallPhysics) -> Tensor:
    """The impulse over mass ``(N, 2)`` that stops the slip of the contact point."""
    return -physics.inertia / (1.0 + physics.inertia) * _slip(motion, physics)


def _bounce(motion: Tensor, physics: BallPhysics) -> tuple[Tensor, Tensor]:
    """Motions ``(N, 9)`` after a bounce, and whether ``(N,)`` the balls stay on the ground."""
    falling = motion[:, 5]
    rising = -physics.restitution * falling
    stays = rising < physics.min_bounce_speed
    rising = torch.where(stays, 0.0, rising)
    along = _grip(motion, physics)
    allowed = physics.bounce_friction * (rising - falling)[:, None]
    needed = _norm(along)
    along = along * torch.where(needed > allowed, allowed / needed.clamp(min=_GRIPPING), 1.0)
    height = torch.zeros_like(rising) + physics.radius
    pushed = motion + _push(along, physics)
    parts = (pushed[:, :2], height[:, None], pushed[:, 3:5], rising[:, None], pushed[:, 6:])
    return torch.cat(parts, -1), stays


def _on_ground(motion: Tensor, duration: Tensor, physics: BallPhysics) -> Tensor:
    """Slide, roll and rest for a duration ``(N, 1)``."""
    gripping = max(_GRIPPING, _ROUNDED * torch.finfo(motion.dtype).eps)
    sliding = torch.nonzero(_norm(_slip(motion, physics))[:, 0] > gripping)[:, 0]
    if len(sliding):
        slid, used = _slide(motion[sliding], duration[sliding], physics)
        motion = _put(motion, sliding, slid)
        duration = _put(duration, sliding, duration[sliding] - used)
    # A ball that slides until the end of the step has no time left to roll.
    return torch.where(duration > 0, _roll(motion, duration, physics), motion)


def _slide(motion: Tensor, duration: Tensor, physics: BallPhysics) -> tuple[Tensor, Tensor]:
    """Slide until the contact point grips, at most for a duration ``(N, 1)``.

    The direction of the slip turns ever faster while it ends. Most of the way is gone in shorter
    and shorter steps, the little rest with a fixed direction.

    Returns:
        The motions and the time ``(N, 1)`` used.
    """
    left = duration
    for _ in range(_SLIDE_STEPS):
        part = torch.minimum(_SLIDE_SHARE * _time_to_grip(motion, physics), left)
        motion = _rk4(lambda now: _sliding(now, _slip(now, physics), physics), motion, part)
        left = left - part
        if not bool((left > 0).any()):
            return motion, duration
    time, slip = _time_to_grip(motion, physics), _slip(motion, physics)
    grips = time < left
    part = torch.where(grips, time, left)
    motion = _rk4(lambda now: _sliding(now, slip, physics), motion, part)
    gripped = motion + _push(_grip(motion, physics), physics)
    return torch.where(grips, gripped, motion), duration - left + part


def _time_to_grip(motion: Tensor, physics: BallPhysics) -> Tensor:
    """Seconds ``(N, 1)`` until the contact point no longer slips if nothing else changes."""
    slip = _slip(motion, physics)
    drag, _ = _air_drag(motion[:, _VELOCITY], motion[:, _SPIN], physics)
    along = (motion[:, 3:5] * _unit(slip)).sum(-1, keepdim=True)
    friction = physics.sliding_friction * physics.gravity
    slowing = friction * (1.0 + 1.0 / physics.inertia) + drag * along
    return _norm(slip) / slowing.clamp(min=1.0)


def _sliding(motion: Tensor, slip: Tensor, physics: BallPhysics) -> Tensor:
    """Time derivative ``(N, 9)`` of motions with a slip in the direction of ``slip`` ``(N, 2)``."""
    velocity, spin = motion[:, _VELOCITY], motion[:, _SPIN]
    drag, _ = _air_drag(velocity, spin, physics)
    slower = spin * spin.new_tensor((0.0, 0.0, -1.0)) * physics.spin_decay
    friction = physics.sliding_friction * physics.gravity
    air = torch.cat((velocity, -drag * velocity, slower), -1)
    return air + _push(-friction * _unit(slip), physics)


def _roll(motion: Tensor, duration: Tensor, physics: BallPhysics) -> Tensor:
    """Roll straight on: d(speed)/dt = -deceleration - drag * speed^2, solved in closed form."""
    turf, drag = physics.rolling_deceleration, _not_zero(physics.rolling_drag)
    velocity = motion[:, 3:5]
    speed, direction = _norm(velocity), _unit(velocity)
    scale, pace = (drag / turf) ** 0.5, (drag * turf) ** 0.5
    slower = torch.tan((torch.atan(scale * speed) - pace * duration).clamp(min=0.0)) / scale
    lost = drag * (speed**2 - slower**2) / (turf + drag * slower**2)
    way = torch.log1p(lost) / (2.0 * drag)
    upright = motion[:, 8:] * torch.exp(-physics.spin_decay * duration)
    flat = slower * direction
    turning = torch.stack((-flat[:, 1], flat[:, 0]), -1) / physics.radius
    position = motion[:, :2] + way * direction
    return torch.cat((position, motion[:, 2:3], flat, motion[:, 5:6], turning, upright), -1)


def _guess_time(way: Tensor, speed: Tensor, physics: BallPhysics) -> Tensor:
    """Duration ``(N,)`` of the lower flight over ``way`` ``(N, 3)``: no air, then stretched."""
    gravity = _plain(physics.gravity)
    reach = speed**2 - gravity * way[:, 2]
    root = torch.sqrt((reach**2 - gravity**2 * (way**2).sum(-1)).clamp(min=0.0))
    squared = 2.0 * (way**2).sum(-1) / (reach + root).clamp(min=1e-6)
    return torch.sqrt(squared).clamp(min=1e-3) * _stretch(way, physics)


def _guess_velocity(way: Tensor, time: Tensor, physics: BallPhysics) -> Tensor:
    """Velocities ``(N, 3)`` that lead over ``way`` in a time ``(N,)``, nearly."""
    flat = way[:, :2] * (_stretch(way, physics) / time)[:, None]
    rising = way[:, 2] / time + 0.5 * physics.gravity * time
    return torch.cat((flat, rising[:, None]), -1)


def _stretch(way: Tensor, physics: BallPhysics) -> Tensor:
    """How much drag stretches a straight flight over ``way`` ``(N, 3)``; 1 without drag."""
    exponent = _not_zero(physics.air_factor * physics.drag) * _norm(way[:, :2])[:, 0]
    return torch.expm1(exponent) / exponent.clamp(min=1e-9)


def _improve_kick(
    velocity: Tensor,
    time: Tensor,
    start: Tensor,
    target: Tensor,
    spin: Tensor,
    speed: Tensor | None,
    physics: BallPhysics,
) -> tuple[Tensor, Tensor, Tensor]:
    """One Newton step of :func:`kick_to`; the last result ``(N,)`` is the miss before it."""
    nudge = 1e-3
    nudges = torch.cat((velocity.new_zeros(1, 3), nudge * torch.eye(3).to(velocity)))
    tried = velocity + nudges[:, None]
    flights = torch.cat((start.expand_as(tried), tried, spin.expand_as(tried)), -1)
    longest = time.detach().nan_to_num().max().clamp(max=_LONGEST_FLIGHT)
    count = max(2, math.ceil(float(longest) / _KICK_STEP))
    duration = (time / count)[:, None]
    for _ in range(count):
        flights = _rk4(lambda part: _flight(part, physics), flights, duration)
    arrival = flights[0]
    miss = arrival[:, _POSITION] - target
    known = flights.detach()
    slope = ((known[1:, :, _POSITION] - known[0, :, _POSITION]) / nudge).permute(1, 2, 0)
    if speed is None:
        change = torch.linalg.solve_ex(slope, miss)[0]
        return velocity - change, time, _norm(miss)[:, 0]
    pace = _norm(velocity)
    below = torch.cat((velocity / pace, torch.zeros_like(pace)), -1).detach()[:, None]
    slope = torch.cat((torch.cat((slope, known[0, :, _VELOCITY, None]), -1), below), 1)
    change = torch.linalg.solve_ex(slope, torch.cat((miss, pace - speed[:, None]), -1))[0]
    # A target hardly within reach sends Newton's steps far out.
    later = torch.clamp(time - change[:, 3], 0.5 * time, 1.5 * time)
    return velocity - change[:, :3], later, _norm(miss)[:, 0]
