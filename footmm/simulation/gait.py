"""How people move their legs at a speed."""

from __future__ import annotations

import numpy as np

from footmm.simulation.appearance import Gait

_WALKS_FROM = 0.45
_RUNS_FROM = 2.2
_GOLDEN_RATIO = 0.6180339887498949


def gait_of(speed: float) -> tuple[Gait, float]:
    """Return how somebody moves.

    Args:
        speed: Metres a second.

    Returns:
        The gait, and the size of the steps: 1 is average for that gait.
    """
    if speed < _WALKS_FROM:
        return Gait.STAND, 1.0
    if speed < _RUNS_FROM:
        return Gait.WALK, 0.45 + 0.4 * speed
    return Gait.RUN, min(1.2, 0.55 + 0.085 * speed)


def cycle_length(speed: np.ndarray) -> np.ndarray:
    """Return how far two steps take somebody, in metres, at speeds in metres a second, any shape.

    A linear fit to 1.5 m in a brisk walk, 2.7 m in a run at 4 m/s and 4.3 m in a sprint at 8 m/s.
    """
    return 0.95 + 0.42 * np.asarray(speed)


def gait_phases(positions: np.ndarray, rate: float) -> np.ndarray:
    """Follow the gait cycles along tracks, so that feet do not jump when the speed changes.

    Args:
        positions: ``(T, N, 2)``, metres.
        rate: Frames a second.

    Returns:
        ``(T, N)``: place in the gait cycle, 0..1, advanced by the distance covered.
    """
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=-1)
    cycles = np.cumsum(steps / cycle_length(steps * rate), axis=0)
    start = _first_phases(positions.shape[1])
    return np.mod(np.concatenate([start[None], start + cycles]), 1.0)


def phases_at(speeds: np.ndarray, time: float) -> np.ndarray:
    """Return phases for one moment without a past.

    Args:
        speeds: ``(N,)``, metres a second.
        time: Seconds; phases advance as if the speeds had always been what they are.

    Returns:
        ``(N,)``, 0..1.
    """
    cycles = time * np.asarray(speeds) / cycle_length(speeds)
    return np.mod(_first_phases(len(speeds)) + cycles, 1.0)


def _first_phases(count: int) -> np.ndarray:
    """Spread evenly, so that no two neighbours march in step."""
    return np.mod(_GOLDEN_RATIO * np.arange(count), 1.0)
