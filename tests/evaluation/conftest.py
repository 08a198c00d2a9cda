from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

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


@pytest.fixture
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
