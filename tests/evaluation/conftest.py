from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from mmengine.evaluator import BaseMetric
from mmengine.structures import BaseDataElement

from footmm.errors import FootmmError
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.agent_tracks import BALL

#: Agents of a window: eleven each, the goalkeeper first, and the ball.
AGENTS = 23


def _places(formation):
    """``(11, 2)``, a formation that attacks to the right, metres."""
    slots = FORMATIONS[formation].slots
    places = np.array([[40 * slot.depth - 25, 24 * slot.side] for slot in slots])
    places[0] = [-47, 0]
    return places


def _scores(labels, num_classes):
    return np.where(np.eye(num_classes, dtype=bool)[labels], 0.6, 0.4 / (num_classes - 1))


@pytest.fixture(scope="session")
def tactics_sample():
    """A function that makes a window of two teams in formation, with a model's answers to it."""

    def make(formations=(0, 1), strategies=((0, 1), (0, 2), (3, 1)), match="a", seed=0, **changes):
        """Made of: formations of home and away, strategies in three frames, and changed fields."""
        rng = np.random.default_rng(seed)
        still = np.concatenate([_places(formations[0]), -_places(formations[1]), [[5.0, -3.0]]])
        roles = [slot.role for number in formations for slot in FORMATIONS[number].slots]
        roles = np.array([*roles, 0])
        strategies = np.array(strategies)
        frames = len(strategies)
        arrays = dict(
            team=np.repeat([0, 1, BALL], [11, 11, 1]),
            goalkeeper=np.isin(np.arange(AGENTS), [0, 11]),
            # Frames of the window that are not the graph's hold other places.
            positions=np.repeat(still + rng.normal(0, 0.5, (frames, AGENTS, 2)), 2, axis=0),
            present=np.ones((2 * frames, AGENTS), bool),
            frame_ids=100 + np.arange(2 * frames),
            graph_frames=2 * np.arange(frames),
            formation=np.array(formations),
            has_formation=np.ones(2, bool),
            role=roles,
            has_role=np.arange(AGENTS) < 22,
            strategy=strategies,
            has_strategy=np.ones((frames, 2), bool),
            pred_formation=_scores(np.array(formations), len(FORMATIONS)),
            pred_role=_scores(roles, len(ROLES)),
            pred_strategy=_scores(strategies, len(STRATEGIES)),
            graph_edges=np.zeros((2, 0), np.int64),
            pred_attention=np.zeros(0),
        )
        meta = dict(
            match=match,
            source="test",
            period=1,
            pitch_size=(105.0, 68.0),
            seconds=np.arange(2 * frames) / 2,
            agent_ids=[str(number) for number in range(AGENTS)],
        )
        for name, value in changes.items():
            (meta if name in meta else arrays)[name] = value
        fields = {name: torch.from_numpy(np.asarray(value)) for name, value in arrays.items()}
        return BaseDataElement(metainfo=meta, **fields)

    return make


def _dict(sample):
    return copy.deepcopy(sample if isinstance(sample, dict) else sample.to_dict())


def _figures(make, batches):
    """Figures of a new metric, which gets the samples in batches and keeps one entry for each."""
    metric: BaseMetric = make()
    for batch in batches:
        metric.process({}, [_dict(sample) for sample in batch])
    count = sum(map(len, batches))
    assert len(metric.results) == count
    return metric.evaluate(count)


@pytest.fixture(scope="session")
def check_splits():
    """A function that checks that order, batches and processes make no difference to figures."""

    def check(make, samples, rng):
        """Return the figures, of a metric that ``make`` makes."""
        figures = _figures(make, [samples])
        word = make().default_prefix
        assert all(name.partition("/")[0].startswith(word) for name in figures)
        order = rng.permutation(len(samples))
        cuts = np.sort(rng.integers(0, len(samples) + 1, 2))
        batches = [[samples[i] for i in part] for part in np.split(order, cuts)]
        assert _figures(make, batches) == pytest.approx(figures, rel=1e-6, abs=1e-6, nan_ok=True)
        # Two processes; the second repeats the first sample where their number is odd.
        metrics = make(), make()
        for rank, metric in enumerate(metrics):
            metric.process({}, [_dict(sample) for sample in [*samples, samples[0]][rank::2]])
        parts = [pickle.loads(pickle.dumps(metric.results)) for metric in metrics]
        joined = [entry for pair in zip(*parts, strict=False) for entry in pair]
        joined = (joined + parts[0][len(parts[1]) :])[: len(samples)]
        metrics[0].results = joined
        together = metrics[0].evaluate(len(samples))
        assert together == pytest.approx(figures, rel=1e-6, abs=1e-6, nan_ok=True)
        return figures

    return check


def _keys_in(fields, path=()):
    """Keys of what a sample holds, and of what its predicted instances and its camera hold."""
    for key, value in fields.items():
        yield (*path, key)
        if key in ("pred_instances", "camera"):
            yield from _keys_in(value, (key,))


@pytest.fixture(scope="session")
def check_broken():
    """A function that checks that a sample that is broken somewhere is refused.

    What is missing, or has another shape, makes an error that is meant for the user, or no
    difference, because nobody looks at it.
    """

    def check(make, sample, data, optional=()):
        """Break a sample at a place that ``data`` draws, but not what is ``optional``."""
        sample = _dict(sample)
        expected = _figures(make, [[sample]])
        keys = [keys for keys in _keys_in(sample) if keys[-1] not in optional]
        *path, key = data.draw(st.sampled_from(keys))
        change = data.draw(st.sampled_from(["missing", "shorter", "deeper", "nothing"]))
        broken = _dict(sample)
        holder = broken[path[0]] if path else broken
        is_array = isinstance(holder[key], (np.ndarray, torch.Tensor)) and holder[key].ndim
        if change == "missing" or not is_array:
            del holder[key]
        else:
            changes = {"shorter": np.s_[:-1], "deeper": np.s_[None], "nothing": np.s_[:0]}
            holder[key] = holder[key][changes[change]]
        try:
            figures = _figures(make, [[broken]])
        except FootmmError:
            return
        assert figures == pytest.approx(expected, nan_ok=True), (path, key, change)

    return check
