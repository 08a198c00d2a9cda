"""Where agents go by rules of thumb, to measure models against.

All take the observed ``positions (..., T, A, 2)`` in metres, ``present (..., T, A)``, the number of
frames to predict, ``F``, and the rate in Hz, and return ``(..., F, A, 2)``: any number of windows
at once. An agent that was seen once stands still there, one that never was stays at 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import simdkalman

Baseline: TypeAlias = Callable[[np.ndarray, np.ndarray, int, float], np.ndarray]

#: Standard deviation of the positions that the Kalman filter sees, metres: optical tracking.
KALMAN_POSITION_NOISE = 0.1
#: Standard deviation of the accelerations in the Kalman filter, along x and y, m/s²: footballers'.
KALMAN_ACCELERATION_NOISE = 4.0
#: Standard deviation of the speeds along x and y before an agent is seen, m/s.
KALMAN_FIRST_SPEED = 5.0

#: Metres, so large that the first position seen is taken as it is.
_UNKNOWN_POSITION = 1000.0


def stand_still(
    positions: np.ndarray, present: np.ndarray, num_frames: int, rate: float
) -> np.ndarray:
    """Predict that agents stay where they were seen last.

    Args:
        positions: ``(..., T, A, 2)``, metres.
        present: ``(..., T, A)`` bool.
        num_frames: Frames to predict, F.
        rate: Frames a second, which does not matter.

    Returns:
        ``(..., F, A, 2)``, metres.
    """
    last = _at(positions, present, _last_seen(present))
    return np.repeat(last[..., None, :, :], num_frames, axis=-3)


def constant_velocity(
    positions: np.ndarray, present: np.ndarray, num_frames: int, rate: float
) -> np.ndarray:
    """Predict that agents keep the velocity between the last two frames in which they were seen.

    These two frames need not follow each other, nor be the last of the window.

    Args:
        positions: ``(..., T, A, 2)``, metres.
        present: ``(..., T, A)`` bool.
        num_frames: Frames to predict, F.
        rate: Frames a second, which cancels out.

    Returns:
        ``(..., F, A, 2)``, metres.
    """
    last = _last_seen(present)
    earlier = present & (np.arange(present.shape[-2])[:, None] < last[..., None, :])
    before = _last_seen(earlier)
    start = _at(positions, present, last)
    step = (start - _at(positions, earlier, before)) / np.maximum(last - before, 1)[..., None]
    step = np.where(earlier.any(-2)[..., None], step, 0.0)
    frames = np.arange(present.shape[-2], present.shape[-2] + num_frames)[:, None]
    passed = (frames - last[..., None, :])[..., None]
    return start[..., None, :, :] + step[..., None, :, :] * passed


def kalman(positions: np.ndarray, present: np.ndarray, num_frames: int, rate: float) -> np.ndarray:
    """Predict with a Kalman filter of constant velocity: simdkalman's, x and y by themselves.

    Positions are seen with :data:`KALMAN_POSITION_NOISE`; between two frames the acceleration is
    constant and drawn anew with :data:`KALMAN_ACCELERATION_NOISE`. In frames without the agent the
    filter predicts.

    Args:
        positions: ``(..., T, A, 2)``, metres.
        present: ``(..., T, A)`` bool.
        num_frames: Frames to predict, F.
        rate: Frames a second.

    Returns:
        ``(..., F, A, 2)``, metres.
    """
    # One series for each agent and coordinate.
    seen = np.where(present[..., None], positions, np.nan)
    series = np.moveaxis(seen, -3, -1)
    first = _at(positions, present, present.argmax(-2))
    state = np.stack((first, np.zeros_like(first)), axis=-1)
    predicted = _filter(rate).predict(
        series.reshape(-1, series.shape[-1]),
        num_frames,
        initial_value=state.reshape(-1, 2, 1),
        initial_covariance=np.diag((_UNKNOWN_POSITION**2, KALMAN_FIRST_SPEED**2)),
        states=False,
        covariances=False,
    )
    paths = predicted.observations.mean.reshape(*series.shape[:-1], num_frames)
    return np.moveaxis(paths, -1, -3)


#: By name.
BASELINES: Mapping[str, Baseline] = {
    "stand_still": stand_still,
    "constant_velocity": constant_velocity,
    "kalman": kalman,
}


def _filter(rate: float) -> simdkalman.KalmanFilter:
    frame = 1 / rate
    response = np.array([frame**2 / 2, frame])
    return simdkalman.KalmanFilter(
        state_transition=np.array([[1.0, frame], [0.0, 1.0]]),
        process_noise=KALMAN_ACCELERATION_NOISE**2 * np.outer(response, response),
        observation_model=np.array([[1.0, 0.0]]),
        observation_noise=KALMAN_POSITION_NOISE**2,
    )


def _last_seen(present: np.ndarray) -> np.ndarray:
    """Number ``(..., A)`` of the last frame with the agent; of the last one where none has it."""
    return present.shape[-2] - 1 - present[..., ::-1, :].argmax(-2)


def _at(positions: np.ndarray, present: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Positions ``(..., A, 2)`` of the agents in a frame each; 0 where not present."""
    known = np.where(present[..., None], positions, 0.0)
    return np.take_along_axis(known, frames[..., None, :, None], axis=-3)[..., 0, :, :]
