"""Transforms of windows of tracks for tactics: change, make a graph, pack."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import BaseDataElement
from torch_geometric.data import Data

from footmm.datasets.transforms.common import sample_generator
from footmm.datasets.transforms.tactics_graph import GraphSettings, Scenes, build_graphs
from footmm.errors import ConfigError, DataFormatError
from footmm.registry import TRANSFORMS
from footmm.simulation.formations import MIRRORED_ROLES
from footmm.structures.agent_tracks import BALL

_WINDOW = ("positions", "present", "team", "goalkeeper")
_LABELS = ("formation", "has_formation", "role", "has_role", "strategy", "has_strategy")
_META = (
    "match",
    "source",
    "rate",
    "period",
    "frame_ids",
    "pitch_size",
    "agent_ids",
    "num_observed",
)


_HIDING = 0
"""Purpose of the randomness, see :func:`sample_generator`."""


@TRANSFORMS.register_module()
class TacticsRandomMirror(BaseTransform):
    """Mirrors windows at the pitch's long axis: what was left is right, in roles too.

    Required keys: ``positions``; ``role`` is changed where it is there.

    Args:
        prob: Chance that a window is mirrored.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return the window, or its mirror image."""
        if np.random.rand() >= self.prob:
            return results
        mirrored = dict(results, positions=results["positions"] * np.float32([1, -1]))
        if "role" in results:
            mirrored["role"] = MIRRORED_ROLES[results["role"]]
        return mirrored


@TRANSFORMS.register_module()
class TacticsHidePlayers(BaseTransform):
    """Takes players out of the observed frames of windows, as if nobody had seen them.

    Required keys: ``positions``, ``present``, ``team``, ``num_observed``. Where they went
    afterwards stays known.

    Args:
        least: Lowest number of players of both teams that are hidden.
        most: Highest number.
        prob: Chance that any are hidden.
        by: ``window``: some players, drawn at random, in all frames. ``view``: in each frame those
            who are farthest from the ball, whom a camera that follows play does not show.
        seed: With a seed, who is hidden is decided by it and ``sample_idx``; None draws anew each
            time, from numpy's global state.

    Raises:
        ConfigError: The numbers are impossible, or there is no such way to hide players.
    """

    def __init__(
        self,
        least: int = 0,
        most: int = 8,
        prob: float = 1.0,
        by: str = "window",
        seed: int | None = None,
    ) -> None:
        if not 0 <= least <= most:
            raise ConfigError(
                f"TacticsHidePlayers(least={least}, most={most}): give 0 <= least <= most"
            )
        if by not in ("window", "view"):
            raise ConfigError(f"TacticsHidePlayers(by='{by}'): choose 'window' or 'view'")
        self.least, self.most, self.prob, self.by, self.seed = least, most, prob, by, seed

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return the window with fewer players."""
        rng = sample_generator(self.seed, results, _HIDING)
        if rng.random() >= self.prob:
            return results
        observed = slice(0, results["num_observed"])
        present, team = results["present"][observed], np.asarray(results["team"])
        count = int(rng.integers(self.least, self.most + 1))
        if self.by == "view":
            order = _nearest_to_ball(results["positions"][observed], present, team)
            candidates = present & (team != BALL)
        else:
            order = rng.permutation(len(team))[None]
            candidates = (present.any(0) & (team != BALL))[None]
        kept = results["present"].copy()
        kept[observed] &= ~_last(order, candidates, count)
        return dict(results, present=kept)


def _nearest_to_ball(positions: np.ndarray, present: np.ndarray, team: np.ndarray) -> np.ndarray:
    """``(T, A)``, agents from the one nearest to the ball on; to the middle where there is none."""
    is_ball = (team == BALL) & present
    ball = (positions * is_ball[..., None]).sum(1, keepdims=True)
    return np.linalg.norm(positions - ball, axis=-1).argsort(1, kind="stable")


def _last(order: np.ndarray, candidates: np.ndarray, count: int) -> np.ndarray:
    """``(T, A)`` bool, the last ``count`` candidates of the orders ``(T, A)`` of agents."""
    sorted_candidates = np.take_along_axis(candidates, order, 1)
    behind = sorted_candidates[:, ::-1].cumsum(1)[:, ::-1]
    chosen = np.zeros_like(candidates)
    np.put_along_axis(chosen, order, sorted_candidates & (behind <= count), 1)
    return chosen


@TRANSFORMS.register_module()
class BuildTacticsGraph(BaseTransform):
    """Makes one graph of a window: a node for each agent in each of some frames.

    Required keys: those of a window, see :func:`footmm.datasets.agent_windows.cut_window`. Adds
    ``graph``, a :class:`torch_geometric.data.Data`, see :func:`graph_of_window`, and
    ``graph_frames`` (T,), the frames of the window that it is made of: every ``frame_step``-th up
    to the last observed one.

    Args:
        frame_step: Frames of the window from one frame of the graph to the next.
        num_nearest: Players that every player is connected to, those nearest to it.
        max_speed: Speeds beyond this are noise of the tracking, metres a second: they count as
            unknown.

    Raises:
        ConfigError: ``frame_step`` or ``num_nearest`` is impossible.
    """

    def __init__(self, frame_step: int = 10, num_nearest: int = 4, max_speed: float = 12.0) -> None:
        if frame_step < 1:
            raise ConfigError(f"BuildTacticsGraph(frame_step={frame_step}): give 1 or more")
        self.frame_step = frame_step
        self.settings = GraphSettings(num_nearest, max_speed)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return the window with its graph."""
        frames = np.arange(results["num_observed"] - 1, -1, -self.frame_step)[::-1].copy()
        return dict(
            results, graph=graph_of_window(results, frames, self.settings), graph_frames=frames
        )


def graph_of_window(window: dict[str, Any], frames: np.ndarray, settings: GraphSettings) -> Data:
    """Make the graph of a window.

    Args:
        window: With ``positions``, ``present``, ``team``, ``goalkeeper`` and ``rate``; it may have
            ``seconds`` (frames,), the times of its frames where they are not evenly spaced.
        frames: ``(T,)``, the frames that become part of the graph.
        settings: Of the graph.

    Returns:
        ``x`` (T A, C), ``edge_index`` (2, E), ``edge_attr`` (E, D), see
        :mod:`footmm.datasets.transforms.tactics_graph`; ``present`` (T A,), ``team`` (1, A) and
        ``now`` (1, A, 4), position and velocity in the last of the frames, metres, world frame.

    Raises:
        DataFormatError: A position is not a number.
    """
    _check_finite(window)
    scenes = Scenes.of_window(window, frames, settings.max_speed)
    graphs = build_graphs(scenes, settings)
    now = np.concatenate([scenes.positions[-1], scenes.velocities[-1]], axis=1)
    return Data(
        x=torch.from_numpy(graphs.nodes),
        edge_index=torch.from_numpy(graphs.edges),
        edge_attr=torch.from_numpy(graphs.edge_features),
        present=torch.from_numpy(scenes.present.reshape(-1)),
        team=torch.from_numpy(scenes.team)[None],
        now=torch.from_numpy(now)[None],
    )


def _check_finite(window: dict[str, Any]) -> None:
    broken = window["present"] & ~np.isfinite(window["positions"]).all(2)
    if broken.any():
        frame, agent = np.argwhere(broken)[0]
        raise DataFormatError(
            f"match '{window.get('match')}', frame {frame} of a window: agent {agent} is at "
            f"{window['positions'][frame, agent].tolist()}; mark missing positions in 'present'"
        )


@TRANSFORMS.register_module()
class PackTacticsInputs(BaseTransform):
    """Packs a window into its graph and a data sample.

    Required keys: those of a window, and what :class:`BuildTacticsGraph` adds.

    Packs ``inputs``, the graph; and ``data_samples``, which carries the window, and what there is
    of names, frame numbers and labels: ``formation`` and ``has_formation`` (2,), ``role`` and
    ``has_role`` (A,), ``strategy`` and ``has_strategy`` (T, 2) in the frames of the graph.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``inputs`` and ``data_samples``."""
        meta = {name: results[name] for name in _META}
        unknown = np.full(len(results["positions"]), np.nan, np.float32)
        sample = BaseDataElement(metainfo=meta | dict(seconds=results.get("seconds", unknown)))
        frames = results["graph_frames"]
        fields = {name: results[name] for name in (*_WINDOW, *_LABELS) if name in results}
        for name in ("strategy", "has_strategy"):
            if name in fields:
                fields[name] = fields[name][frames]
        for name, value in (fields | {"graph_frames": frames}).items():
            sample.set_field(torch.from_numpy(np.ascontiguousarray(value)), name)
        sample.set_field(results["graph"].edge_index, "graph_edges")
        return dict(inputs=results["graph"], data_samples=sample)
