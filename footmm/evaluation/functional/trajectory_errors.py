"""How far predicted paths are from the true ones: ADE, FDE, their best of K, misses, likelihood.

A prediction holds ``K`` futures of a whole scene, ``(K, F, A, 2)``: ``F`` frames of ``A`` agents.
Frame i (from 0) is ``(i + 1) / rate`` seconds after the last observed one. Positions that are not
``scored`` count nowhere; all others count alike, whoever's they are.

* ADE at a horizon is the mean distance over the frames up to it; FDE is the distance at that very
  time. Between two frames both paths are straight lines, which start where the agent was seen last;
  an agent counts if both frames are scored.
* Of K futures ``best`` takes each agent's nearest (minADE, minFDE), ``mean`` their plain mean, ADE
  and FDE each by itself.
* SADE and SFDE are those of the open benchmark of Bundesliga scenes (10 observed of 40 frames at
  6.25 Hz, K = 20): for a future the mean distance over all agents and frames, or over all agents in
  the last frame; of these the least, or the mean, over the futures; then the mean over scenes.
* A miss is an agent whose final positions are all farther away than a threshold, 2 m as in
  Argoverse.

Source of SADE and SFDE: README.md, metrics.py and the evaluation loop of dataset_all_sports.py in
https://github.com/guillem-cf/JointDiff (Capellera et al., JointDiff, ICLR 2026), where the agents
are the 22 players and the ball, and ``best`` and ``mean`` are called min and avg. They are the JADE
and JFDE of Weng et al., Joint Metrics Matter, ICCV 2023. One difference where agents are missing
for part of the future, which those scenes do not know: in ADE the benchmark counts agents alike,
these functions positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from footmm.errors import ConfigError

#: Metres.
MISS_DISTANCE = 2.0

#: Horizons that differ from a frame's time by less than this share of a frame are at that frame.
_FRAME_TOLERANCE = 1e-6


class Tally(NamedTuple):
    """A sum and how many numbers it is of, so that means of parts add up to a mean of the whole.

    Attributes:
        total: A number, or ``(H,)``, one for each horizon.
        count: Like ``total``.
    """

    total: np.ndarray
    count: np.ndarray


@dataclass(frozen=True, eq=False)
class AgentErrors:
    """Distances of ``A`` agents' ``K`` predicted paths to their true ones, for ``H`` horizons.

    Attributes:
        totals: ``(H, K, A)``, metres, the sum over the positions that count.
        counts: ``(H, A)``, the number of these positions.
    """

    totals: np.ndarray
    counts: np.ndarray

    def of_future(self, index: int) -> Tally:
        """One of the futures, for all agents."""
        return Tally(self.totals[:, index].sum(-1), self.counts.sum(-1))

    def best(self) -> Tally:
        """Each agent's nearest future."""
        return Tally(self.totals.min(1).sum(-1), self.counts.sum(-1))

    def mean(self) -> Tally:
        """The mean of the futures."""
        return Tally(self.totals.mean(1).sum(-1), self.counts.sum(-1))

    def scene_best(self) -> Tally:
        """The mean distance of the whole scene's nearest future; counts the scene as one."""
        return self._of_scenes(self.totals.sum(-1).min(-1))

    def scene_mean(self) -> Tally:
        """The mean distance of the scene's futures; counts the scene as one."""
        return self._of_scenes(self.totals.sum(-1).mean(-1))

    def misses(self, distance: float = MISS_DISTANCE) -> Tally:
        """Agents all of whose futures are farther away than a distance in metres, of all agents."""
        counts = self.counts > 0
        # Put so that a distance that is nan is a miss.
        missed = ~(self.totals.min(1) <= distance)
        return Tally((missed & counts).sum(-1), counts.sum(-1))

    def _of_scenes(self, totals: np.ndarray) -> Tally:
        counts = self.counts.sum(-1)
        return Tally(totals / np.maximum(counts, 1), (counts > 0).astype(counts.dtype))


def average_displacement(
    predictions: np.ndarray,
    future: np.ndarray,
    scored: np.ndarray,
    rate: float,
    horizons_s: Sequence[float],
) -> AgentErrors:
    """Distances in all frames up to each horizon.

    Args:
        predictions: ``(K, F, A, 2)``, metres.
        future: ``(F, A, 2)``, metres; anything where not scored.
        scored: ``(F, A)`` bool.
        rate: Frames a second.
        horizons_s: ``H`` times after the last observed frame, seconds.

    Raises:
        ConfigError: A horizon is before the first frame or after the last.
    """
    frames = _frames_until(horizons_s, len(future), rate)
    within = np.arange(1, len(future) + 1) <= frames[:, None] + _FRAME_TOLERANCE
    distances = np.linalg.norm(_error_vectors(predictions, future, scored), axis=-1)
    totals = within.astype(distances.dtype) @ distances
    return AgentErrors(totals.swapaxes(0, 1), within.astype(int) @ scored.astype(int))


def final_displacement(
    predictions: np.ndarray,
    future: np.ndarray,
    scored: np.ndarray,
    rate: float,
    horizons_s: Sequence[float],
) -> AgentErrors:
    """Distances at each horizon; agents count 1, or 0 where the frames around it are not scored.

    Args:
        predictions: ``(K, F, A, 2)``, metres.
        future: ``(F, A, 2)``, metres; anything where not scored.
        scored: ``(F, A)`` bool.
        rate: Frames a second.
        horizons_s: ``H`` times after the last observed frame, seconds.

    Raises:
        ConfigError: A horizon is before the first frame or after the last.
    """
    frames = _frames_until(horizons_s, len(future), rate)
    # The error of the last observed frame is 0, hence no weight for it.
    weights = 1 - np.abs(frames[:, None] - np.arange(1, len(future) + 1))
    weights[weights < _FRAME_TOLERANCE] = 0.0
    counts = ~((weights > 0) @ ~scored)
    errors = np.moveaxis(_error_vectors(predictions, future, scored), -1, 0)
    distances = np.linalg.norm(weights @ errors, axis=0).swapaxes(0, 1)
    return AgentErrors(np.where(counts[:, None], distances, 0.0), counts.astype(int))


def mixture_nll(
    predictions: np.ndarray,
    scales: np.ndarray,
    scores: np.ndarray,
    future: np.ndarray,
    scored: np.ndarray,
) -> Tally:
    """Negative log-likelihood of each agent's true path, nats, counted by position.

    An agent's path is drawn from a mixture of the K futures, of which it follows one from begin to
    end: ``-log sum_k scores[k] prod_f N(future[f]; predictions[k, f], scales[k, f]²)``, with x and
    y of all frames independent, over the agent's scored frames. Total over count, the mean per
    position, is 1.838 + log(sx) + log(sy) for one exact future. Agents are independent of each
    other.

    Args:
        predictions: ``(K, F, A, 2)``, metres.
        scales: ``(K, F, A, 2)``, standard deviations along x and y, metres, positive.
        scores: ``(K,)``, probabilities of the futures, together 1.
        future: ``(F, A, 2)``, metres; anything where not scored.
        scored: ``(F, A)`` bool.
    """
    scales = np.where(scored[..., None], scales, 1.0)
    errors = _error_vectors(predictions, future, scored) / scales
    density = -0.5 * errors**2 - np.log(scales) - 0.5 * math.log(2 * math.pi)
    paths = np.where(scored, density.sum(-1), 0.0).sum(1)
    likelihood = logsumexp(paths, axis=0, b=np.asarray(scores)[:, None])
    return Tally(-likelihood[scored.any(0)].sum(), scored.sum())


def _error_vectors(predictions: np.ndarray, future: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """From true to predicted positions, ``(K, F, A, 2)``; 0 where not scored."""
    zeros = np.zeros(predictions.shape)
    return np.subtract(predictions, future, out=zeros, where=scored[..., None])


def _frames_until(horizons_s: Sequence[float], num_frames: int, rate: float) -> np.ndarray:
    """Frames from the last observed one to each horizon, ``(H,)``, whole or not."""
    frames = np.asarray(horizons_s, dtype=np.float64) * rate
    for horizon, count in zip(horizons_s, frames, strict=True):
        if not 1 - _FRAME_TOLERANCE <= count <= num_frames + _FRAME_TOLERANCE:
            raise ConfigError(
                f"horizon {horizon:g} s: the future of these windows is {num_frames} frames at "
                f"{rate:g} Hz, {1 / rate:g} to {num_frames / rate:g} s; change the metric's "
                "horizons or the windows' length"
            )
    return np.clip(frames, 1, num_frames)
