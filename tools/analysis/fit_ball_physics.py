"""Fit the constants of footmm.pitch.ballistics to real Hawk-Eye ball positions.

Reads ``*.samples.ball`` files, or zips that hold them. Flights without a touch are cut out; drag is
fitted to all flights at once, each with its own start, velocity and spin, and with one wind
for all; bounces give restitution and friction, balls on the ground their deceleration.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor

from footmm.apis.cli import report_errors
from footmm.datasets.ball3d.hawkeye import RATE, read_hawkeye_ball
from footmm.errors import DataFormatError
from footmm.pitch.ballistics import BallPhysics, BallState, acceleration, simulate

GRAVITY = 9.81

SIDE = 5
"""Frames on each side of a touch that its velocities are taken from."""

TOUCH = 2.0
"""Change of velocity, metres a second, that is a touch."""

NOISE = 0.02
"""Metres: how far the model may be from the positions; the noise of the data is 0.006."""

SPIN_SCALE = 40.0
"""Radians a second: spins of this size are expected where the positions do not tell."""


FIRST_DRAG = 0.15
"""Both drag coefficients that the fit begins with: about what wind tunnels find for footballs. The
start matters, because spins that nobody measured trade one coefficient for the other."""


@dataclass(frozen=True)
class Touch:
    """A sudden change of the ball's velocity.

    Attributes:
        frame: Its frame.
        before: ``(3,)``, metres a second, just before.
        after: ``(3,)``, just after.
    """

    frame: int
    before: np.ndarray
    after: np.ndarray


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, help="*.samples.ball files, or zips of them")
    parser.add_argument(
        "--no-fit", action="store_true", help="keep the shipped constants, report their errors"
    )
    parser.add_argument(
        "--lead", type=float, default=0.3, help="seconds that predictions start from (default 0.3)"
    )
    return parser.parse_args(argv)


def find_touches(positions: np.ndarray) -> list[Touch]:
    """Find kicks, bounces and other contacts: the velocity changes within a frame.

    Args:
        positions: ``(T, 3)``, metres, 50 frames a second.
    """
    time = np.arange(1, SIDE + 1) / RATE
    # A line through a parabola has the velocity of its middle. The frame of the touch itself is
    # before or after it, nobody knows.
    line = (time - time.mean()) / ((time - time.mean()) ** 2).sum()
    windows = np.lib.stride_tricks.sliding_window_view(positions, 2 * SIDE + 1, axis=0)
    before, after = windows[..., :SIDE] @ line, windows[..., SIDE + 1 :] @ line
    before = before + time.mean() * _free_acceleration(before)
    after = after - time.mean() * _free_acceleration(after)
    size = np.linalg.norm(after - before, axis=1)
    touches = []
    for index in np.flatnonzero(size > TOUCH):
        # At the ends of the data the greatest change may be still to come.
        inside = 0 < index < len(size) - 1
        if inside and size[index] == size[max(0, index - SIDE + 1) : index + SIDE].max():
            touches.append(Touch(int(index) + SIDE, before[index], after[index]))
    return touches


def _free_acceleration(velocities: np.ndarray) -> np.ndarray:
    """Acceleration ``(N, 3)`` of balls in the air without spin."""
    state = BallState.of(np.full(3, 1e3), velocities)
    return acceleration(state, BallPhysics()).numpy()


def cut_flights(positions: np.ndarray, min_seconds: float = 0.8) -> list[np.ndarray]:
    """Cut out the free flights: no touch, off the ground, smooth.

    Args:
        positions: ``(T, 3)``, metres, 50 frames a second.
        min_seconds: Shorter ones are left out.

    Returns:
        ``(t, 3)`` arrays.
    """
    ends = [0, *(touch.frame for touch in find_touches(positions)), len(positions) - 1]
    flights = []
    for first, last in itertools.pairwise(ends):
        # The frames at a touch belong to neither side.
        flight = positions[first + 2 : last - 1]
        off_ground = len(flight) > 2 * SIDE and flight[SIDE:-SIDE, 2].min() > 0.2
        if len(flight) < min_seconds * RATE + 1 or not off_ground or flight[:, 2].max() < 0.5:
            continue
        time = np.linspace(-1.0, 1.0, len(flight))
        smooth = np.polynomial.polynomial.polyvander(time, 5)
        rest = flight - smooth @ np.linalg.lstsq(smooth, flight, rcond=None)[0]
        if np.sqrt((rest**2).sum(1).mean()) < 0.015:
            flights.append(flight)
    return flights


def _padded(flights: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Flights as ``(T, N, 3)`` and which frames ``(T, N, 1)`` they have."""
    rows = [torch.as_tensor(flight) for flight in flights]
    mask = [torch.ones(len(row), 1, dtype=row.dtype) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(rows), torch.nn.utils.rnn.pad_sequence(mask)


def fly(starts: Tensor, frames: int, physics: BallPhysics, wind: Sequence[float]) -> Tensor:
    """Positions ``(T, ..., 3)`` of balls in the air with a wind, as if there were no ground.

    Args:
        starts: ``(..., 9)``: position, velocity and spin.
        frames: Number of frames, 50 a second.
        physics: Constants.
        wind: Its velocity along x and y, metres a second.
    """
    # Seen from the moving air there is no wind. Far up there is no ground.
    blowing = starts.new_tensor((*wind, 0.0))
    lift = starts.new_tensor((0.0, 0.0, 1e3))
    position, velocity, spin = starts.split(3, -1)
    state = BallState(
        position + lift, velocity - blowing, spin, torch.zeros(starts.shape[:-1], dtype=torch.bool)
    )
    path = simulate(state, (frames - 1) / RATE, RATE, physics)
    time = path.time.reshape(-1, *[1] * starts.ndim)
    return path.positions + time * blowing - lift


def fit_starts(
    flights: Sequence[np.ndarray],
    physics: BallPhysics,
    wind: Sequence[float] = (0.0, 0.0),
    starts: Tensor | None = None,
    iterations: int = 20,
) -> tuple[Tensor, Tensor]:
    """Fit start, velocity and spin of each flight on its own (Levenberg-Marquardt).

    Args:
        flights: ``(t, 3)`` arrays.
        physics: Constants.
        wind: Along x and y, metres a second.
        starts: ``(N, 9)`` to begin with; None: from the first frames.
        iterations: Steps at most; one that makes a flight worse is taken back.

    Returns:
        The starts ``(N, 9)`` and what is left to explain ``(K,)`` in units of the noise (positions)
        and of the spins expected.
    """
    positions, mask = _padded(flights)
    count = positions.shape[1]
    if starts is None:
        speed = (positions[SIDE] - positions[0]) * (RATE / SIDE)
        speed[:, 2] += 0.5 * GRAVITY * SIDE / RATE
        starts = torch.cat((positions[0], speed, torch.zeros_like(speed)), -1)
    rest, paths = _left_over(starts, positions, mask, physics, wind)
    damping = torch.full((count, 1, 1), 1e-3, dtype=starts.dtype)
    for _ in range(iterations):
        slope = _slopes(starts, paths, mask, physics, wind)
        normal = slope.mT @ slope
        damped = normal + damping * torch.diag_embed(normal.diagonal(dim1=1, dim2=2))
        tried = starts + torch.linalg.solve(damped, slope.mT @ rest[..., None])[..., 0]
        new_rest, new_paths = _left_over(tried, positions, mask, physics, wind)
        cost, new_cost = (rest**2).sum(-1), (new_rest**2).sum(-1)
        better = new_cost < cost
        starts = torch.where(better[:, None], tried, starts)
        rest = torch.where(better[:, None], new_rest, rest)
        paths = torch.where(better[:, None], new_paths, paths)
        damping = torch.where(better[:, None, None], damping / 5.0, damping * 10.0)
        if bool((cost - new_cost < 1e-4 * cost).all()):
            break
    return starts, rest.flatten()


def _left_over(
    starts: Tensor, positions: Tensor, mask: Tensor, physics: BallPhysics, wind: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """What a fit leaves ``(N, 3 T + 3)`` in units of the noise, and the ways ``(T, N, 3)``."""
    paths = fly(starts, len(positions), physics, wind)
    rest = ((positions - paths) * mask / NOISE).permute(1, 0, 2).flatten(1)
    return torch.cat((rest, -starts[:, 6:] / SPIN_SCALE), -1), paths


def _slopes(
    starts: Tensor, paths: Tensor, mask: Tensor, physics: BallPhysics, wind: Sequence[float]
) -> Tensor:
    """Derivatives ``(N, 3 T + 3, 9)`` of minus :func:`_left_over` with respect to the starts."""
    nudges = starts.new_tensor([1e-4] * 6 + [1e-2] * 3)
    tried = fly(starts + torch.diag(nudges)[:, None], len(paths), physics, wind)
    slope = (tried - paths[:, None]) * mask[:, None] / (NOISE * nudges[:, None, None])
    slope = slope.permute(2, 0, 3, 1).flatten(1, 2)
    spins = torch.eye(9, dtype=starts.dtype)[6:] / SPIN_SCALE
    return torch.cat((slope, spins.expand(len(slope), 3, 9)), 1)


def fit_drag(flights: Sequence[np.ndarray]) -> tuple[BallPhysics, tuple[float, float]]:
    """Fit drag, spin drag and the wind to all flights (variable projection).

    Args:
        flights: ``(t, 3)`` arrays.

    Returns:
        The constants and the wind along x and y, metres a second.
    """
    base = BallPhysics(drag=FIRST_DRAG, spin_drag=FIRST_DRAG)
    starts, _ = fit_starts(flights, base)

    def left_over(values: np.ndarray) -> np.ndarray:
        physics = replace(base, drag=float(values[0]), spin_drag=float(values[1]))
        _, rest = fit_starts(flights, physics, values[2:].tolist(), starts)
        return rest.numpy()

    first = np.array([base.drag, base.spin_drag, 0.0, 0.0])
    bounds = ([0.0, 0.0, -15.0, -15.0], [1.0, 2.0, 15.0, 15.0])
    fit = least_squares(
        left_over, first, bounds=bounds, x_scale=[0.1, 0.1, 1.0, 1.0], diff_step=1e-3, xtol=1e-3
    )
    drag, spin_drag, *wind = fit.x.tolist()
    return replace(base, drag=drag, spin_drag=spin_drag), tuple(wind)


def flight_errors(
    flights: Sequence[np.ndarray], physics: BallPhysics, lead: float, horizon: float = 1.0
) -> np.ndarray:
    """Errors of flights over a time, each of which starts a window of its own.

    Args:
        flights: ``(t, 3)`` arrays.
        physics: Constants; no wind.
        lead: Seconds of each window that its start is fitted to.
        horizon: Seconds of a window; shorter flights are left out, longer ones give several
            windows, one after the other.

    Returns:
        ``(W, T)``, metres, from the window's start to its end.
    """
    frames = round(horizon * RATE) + 1
    windows = [
        flight[first : first + frames]
        for flight in flights
        for first in range(0, len(flight) - frames + 1, frames - 1)
    ]
    starts, _ = fit_starts([window[: round(lead * RATE) + 1] for window in windows], physics)
    paths = fly(starts, frames, physics, (0.0, 0.0))
    positions, _ = _padded(windows)
    return (positions - paths).norm(dim=-1).T.numpy()


def bounce_table(positions: np.ndarray) -> np.ndarray:
    """Bounces on the turf that are no kicks.

    Returns:
        ``(N, 4)``: vertical and horizontal speed before and after, metres a second.
    """
    rows = []
    for touch in find_touches(positions):
        before, after = touch.before, touch.after
        flat = np.linalg.norm(before[:2]), np.linalg.norm(after[:2])
        straight = before[:2] @ after[:2] > 0.97 * flat[0] * flat[1]
        low = positions[touch.frame, 2] < 0.35
        if (
            low
            and straight
            and before[2] < -1.5 < 0.0 < after[2] < -before[2]
            and flat[1] <= flat[0]
        ):
            rows.append((-before[2], flat[0], after[2], flat[1]))
    return np.array(rows).reshape(-1, 4)


def ground_decelerations(positions: np.ndarray, span: int = 10) -> np.ndarray:
    """Speeds and decelerations of balls that slide or roll, without the air's part.

    Args:
        positions: ``(T, 3)``, metres, 50 frames a second.
        span: Frames that a deceleration is taken over.

    Returns:
        ``(N, 2)``: speed, metres a second, and deceleration, metres a second squared.
    """
    physics = BallPhysics()
    touched = np.array([touch.frame for touch in find_touches(positions)])
    rows = []
    time = np.arange(span) / RATE
    for first in range(0, len(positions) - span, span):
        part = positions[first : first + span]
        if np.ptp(part[:, 2]) > 0.04 or part[:, 2].max() > 0.3:
            continue
        if np.any((touched >= first - SIDE) & (touched < first + span + SIDE)):
            continue
        curve = np.polynomial.polynomial.polyfit(time - time.mean(), part[:, :2], 2)
        speed = np.linalg.norm(curve[1])
        slowing = -2.0 * curve[2] @ curve[1] / max(speed, 1e-6)
        if speed > 1.0:
            rows.append((speed, slowing - physics.rolling_drag * speed**2))
    return np.array(rows).reshape(-1, 2)


def fit_ground(runs: Sequence[np.ndarray], physics: BallPhysics) -> BallPhysics:
    """Restitution and the three kinds of friction: medians over what the data shows.

    Args:
        runs: ``(T, 3)`` arrays, metres, 50 frames a second.
        physics: Constants to go out from.
    """
    bounces = np.concatenate([bounce_table(run) for run in runs])
    ground = np.concatenate([ground_decelerations(run) for run in runs])
    # A flat bounce is too short for the contact point to grip: friction is at its limit.
    flat = bounces[bounces[:, 1] > 2.5 * bounces[:, 0]]
    sliding = ground[:, 1] > 0.35 * GRAVITY
    rolling = (ground[:, 1] > 0.0) & (ground[:, 1] < 0.2 * GRAVITY)
    friction = (flat[:, 1] - flat[:, 3]) / (flat[:, 0] + flat[:, 2])
    print(
        f"{len(bounces)} bounces, {len(flat)} of them flat; "
        f"{sliding.sum()} pieces of sliding, {rolling.sum()} of rolling"
    )
    return replace(
        physics,
        restitution=float(np.median(bounces[:, 2] / bounces[:, 0])),
        bounce_friction=float(np.median(friction)),
        sliding_friction=float(np.median(ground[sliding, 1]) / GRAVITY),
        rolling_deceleration=float(np.median(ground[rolling, 1])),
    )


def report(flights: Sequence[np.ndarray], physics: BallPhysics, lead: float) -> None:
    """Print how well the constants reproduce one second of flight."""
    print("start fitted to   windows   median at 1 s   median mean    worst")
    for seconds in (lead, 1.0):
        errors = flight_errors(flights, physics, seconds)
        print(
            f"{seconds:>13.1f} s {len(errors):>9} {np.median(errors[:, -1]):>13.3f} m "
            f"{np.median(errors.mean(1)):>11.3f} m {errors.max():>6.2f} m"
        )


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        runs = [run for path in args.files for run in read_hawkeye_ball(path)]
        runs = [run for run in runs if len(run) > 3 * SIDE]
        flights = [flight for run in runs for flight in cut_flights(run)]
        if not flights:
            raise DataFormatError("no free flight of 0.8 s in these files: give more of them")
        print(f"{len(flights)} flights, {sum(map(len, flights)) / RATE:.1f} s")
        physics = BallPhysics()
        if not args.no_fit:
            physics, wind = fit_drag(flights)
            physics = fit_ground(runs, physics)
            print(f"wind ({wind[0]:.2f}, {wind[1]:.2f}) m/s")
            names = ("drag", "spin_drag", "restitution", "bounce_friction", "sliding_friction")
            for name in (*names, "rolling_deceleration"):
                shipped = getattr(BallPhysics(), name)
                print(f"{name:<21} {getattr(physics, name):.3f}  (shipped {shipped})")
        report(flights, physics, args.lead)


if __name__ == "__main__":
    main()
