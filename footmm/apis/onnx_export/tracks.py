"""The graphs of models that see tracks: movements, the ball, tactics."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor
from torch_geometric.data import Batch, Data

from footmm.apis.onnx_export.graph import ExportGraph, Port, normalisation_facts
from footmm.datasets.transforms.tactics import BuildTacticsGraph
from footmm.errors import ConfigError
from footmm.models.ball3d.features import BallObservations
from footmm.models.trajectory.encoder import Tracks
from footmm.pitch.ballistics import BallPhysics, BallState, simulate
from footmm.pitch.camera import Camera
from footmm.registry import TRANSFORMS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES, BallMode
from footmm.structures.agent_tracks import AWAY, BALL, HOME

_PLAYERS = 11
_TEAM = "0 home, 1 away, 2 ball"


def draw_window(frames: int, rate: float, rng: np.random.Generator) -> dict[str, Any]:
    """Make tracks of two teams and a ball that run straight on, some of them out of sight.

    Args:
        frames: T.
        rate: Frames a second.
        rng: Decides what they are.

    Returns:
        ``positions`` (T, A, 2), ``present`` (T, A), ``team`` (A,), ``goalkeeper`` (A,) and
        ``rate``, see :class:`footmm.structures.agent_tracks.AgentTracks`.
    """
    team = np.repeat([HOME, AWAY, BALL], [_PLAYERS, _PLAYERS, 1])
    start = rng.uniform((-45, -30), (45, 30), (len(team), 2))
    seconds = np.arange(frames)[:, None, None] / rate
    positions = start + seconds * rng.normal(0.0, 2.0, start.shape)
    present = rng.random((frames, len(team))) < 0.95
    goalkeeper = np.arange(len(team)) % _PLAYERS == 0
    return {
        "positions": np.where(present[..., None], positions, 0.0).astype(np.float32),
        "present": present,
        "team": team,
        "goalkeeper": goalkeeper & (team != BALL),
        "rate": rate,
    }


class TrajectoryGraph(ExportGraph):
    """Observed frames of tracks to futures, and to a vector of the scene."""

    task = "trajectory"
    outside = "cutting of tracks into windows of the observed frames"

    #: Names of outputs and predictions; inputs and outputs may not share a name.
    _OUTPUTS = {
        "embedding": ("pred_embedding", "the observed frames as a vector"),
        "future_positions": (
            "pred_positions",
            "futures, frames, agents: x and y, metres, world frame",
        ),
        "future_scales": ("pred_scales", "standard deviations of these, metres"),
        "future_scores": ("pred_scores", "probabilities of the futures"),
    }

    @property
    def inputs(self) -> dict[str, Port]:
        """The fields of :class:`Tracks`."""
        return {
            "positions": Port("x and y, metres, world frame, the home team attacking to the right"),
            "present": Port("whether a position is known"),
            "team": Port(_TEAM),
            "goalkeeper": Port("whether an agent keeps the goal"),
        }

    @property
    def outputs(self) -> dict[str, Port]:
        """A vector, and futures where the model has a head for them."""
        names = list(self._OUTPUTS)[: None if self.model.forecast_head is not None else 1]
        return {name: Port(self._OUTPUTS[name][1]) for name in names}

    def forward(
        self, positions: Tensor, present: Tensor, team: Tensor, goalkeeper: Tensor
    ) -> tuple[Tensor, ...]:
        """Predict from ``(B, T, A, 2)``, ``(B, T, A)``, ``(B, A)`` and ``(B, A)``."""
        given = dict(positions=positions, present=present, team=team, goalkeeper=goalkeeper)
        tracks = Tracks(**self.model.data_preprocessor.clean(given))
        found = self.model.predictions(self.model.read(tracks), tracks)
        return tuple(found[self._OUTPUTS[name][0]] for name in self.outputs)

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Windows of :func:`draw_window`."""
        rate = self.model.embedding.rate
        windows = [draw_window(self.model.num_observed, rate, rng) for _ in range(batch)]
        return tuple(
            torch.from_numpy(np.stack([window[name] for window in windows]))
            for name in Tracks._fields
        )

    def facts(self) -> dict[str, Any]:
        """Rate of the frames."""
        return {"rate": self.model.embedding.rate}


class Ball3DGraph(ExportGraph):
    """Detections of the ball, with crops where the model sees them, to its motion."""

    task = "ball3d"
    outside = (
        "rays of the detections, which need the camera, and the flight after the window "
        "(footmm.pitch.ballistics.simulate from the last position, velocity and spin, with the "
        "constants in the file's metadata)"
    )
    # Distance along a ray is ill-conditioned: the last bit of a ray moves it by millimetres, and
    # that of a window with few detections by centimetres.
    tolerance = 1e-2

    _MEANINGS = {
        "positions": "metres, world frame",
        "velocities": "metres a second",
        "spins": "radians a second",
        "scales": "standard deviations along and across the ray, metres",
        "mode_scores": f"probabilities of {', '.join(mode.name.lower() for mode in BallMode)}",
        "reliable": "whether enough was seen to trust the position",
    }

    def __init__(
        self, model: BaseModel, config: Config, input_size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(model, config, input_size)
        if "num_frames" not in config:
            raise ConfigError(
                f"config '{config.filename}' has no num_frames at its head, the frames of a window"
            )
        self.num_frames = config.num_frames

    @property
    def inputs(self) -> dict[str, Port]:
        """The fields of :class:`BallObservations`, and crops."""
        ports = {
            "origins": Port("the camera's centre, metres, world frame"),
            "rays": Port("unit vectors to the detections"),
            "ray_jacobian": Port("their derivatives with respect to the pixel"),
            "diameters": Port("of the detections, pixels"),
            "scores": Port("of the detections, 0 to 1"),
            "observed": Port("whether there is a detection"),
            "pitch_size": Port("length and width, metres"),
        }
        if self.model.refiner is not None:
            ports["crops"] = Port("around the detections, RGB, channels first")
        return ports

    @property
    def outputs(self) -> dict[str, Port]:
        """What :meth:`footmm.models.ball3d.head.Ball3DHead.decode` returns."""
        return {name: Port(meaning) for name, meaning in self._MEANINGS.items()}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Follow the ball through windows of T frames."""
        given = dict(zip(self.inputs, inputs, strict=True))
        motion, lifted, _ = self.model.follow(self.model.data_preprocessor.clean(given))
        found = self.model.head.decode(motion, lifted)
        return tuple(found[name] for name in self._MEANINGS)

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Kicked balls, seen by a camera beside the pitch, with noise and gaps."""
        windows = [self._draw_detections(rng) for _ in range(batch)]
        parts = [torch.stack([window[name] for window in windows]) for name in windows[0]]
        if self.model.refiner is not None:
            side = self.model.refiner.crop_size
            shape = (batch, self.num_frames, 3, side, side)
            parts.append(torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)))
        return tuple(parts)

    def _draw_detections(self, rng: np.random.Generator) -> dict[str, Tensor]:
        state = BallState.of(
            rng.uniform((-20.0, -20.0, 0.2), (20.0, 20.0, 2.0)),
            rng.uniform((-12.0, -12.0, 0.0), (12.0, 12.0, 8.0)),
            rng.normal(0.0, 10.0, 3),
        )
        path = simulate(state, (self.num_frames - 1) / self.model.rate, self.model.rate)
        focal_length, frames = 2500.0, self.num_frames
        camera = Camera.look_at((0.0, -60.0, 18.0), (0.0, 0.0, 0.0), focal_length, (1920, 1080))
        points = camera.project(path.positions)
        points = points + torch.from_numpy(rng.normal(0.0, 0.7, points.shape))
        distances = (path.positions - camera.position).norm(dim=-1)
        seen = dict(
            origins=camera.position.expand(frames, 3),
            rays=camera.rays(points),
            ray_jacobian=camera.ray_jacobian(points),
            diameters=focal_length * 2.0 * BallPhysics().radius / distances,
            scores=torch.from_numpy(rng.uniform(0.5, 1.0, frames)),
        )
        observed = torch.from_numpy(rng.random(frames) < 0.8)
        masks = {name: observed.view(-1, *(1,) * (part.ndim - 1)) for name, part in seen.items()}
        fields = {name: torch.where(masks[name], part, 0.0).float() for name, part in seen.items()}
        fields |= {"observed": observed, "pitch_size": torch.tensor((105.0, 68.0))}
        return {name: fields[name] for name in BallObservations._fields}

    def facts(self) -> dict[str, Any]:
        """Rate of the frames, classes, and the learned constants of the ball."""
        with torch.no_grad():
            constants = vars(self.model.head.physics.physics())
        facts = {
            "rate": self.model.rate,
            "classes": [mode.name.lower() for mode in BallMode],
            "physics": {name: float(value) for name, value in constants.items()},
        }
        if self.model.refiner is not None:
            facts |= {"channel_order": "RGB", **normalisation_facts(self.model.data_preprocessor)}
        return facts


class TacticsGraph(ExportGraph):
    """Graphs of players and ball to formations, roles, strategies and next positions."""

    task = "tactics"
    outside = (
        "making of graphs from tracks (footmm.datasets.transforms.tactics.graph_of_window, numpy)"
    )

    @property
    def inputs(self) -> dict[str, Port]:
        """The graphs of B windows as one graph that is not connected between them."""
        edges = "edges"
        return {
            "nodes": Port("features of the agents in each frame, see NODE_FEATURES"),
            "edge_index": Port(
                "sender and receiver, numbers of nodes counted over all windows", {1: edges}
            ),
            "edge_features": Port("see EDGE_FEATURES", {0: edges}),
            "present": Port("whether an agent is seen in a frame"),
            "team": Port(_TEAM),
            "now": Port("position and velocity in the last frame, metres (a second), world frame"),
        }

    @property
    def outputs(self) -> dict[str, Port]:
        """Probabilities and positions."""
        return {
            "formation": Port("probabilities, of both teams"),
            "role": Port("probabilities, of each agent"),
            "strategy": Port("probabilities, in each frame, of both teams"),
            "next_positions": Port("where the agents go, metres, world frame"),
        }

    def forward(
        self,
        nodes: Tensor,
        edge_index: Tensor,
        edge_features: Tensor,
        present: Tensor,
        team: Tensor,
        now: Tensor,
    ) -> tuple[Tensor, ...]:
        """Predict windows of T frames and A agents.

        Args:
            nodes: ``(B, T, A, C)``.
            edge_index: ``(2, E)``.
            edge_features: ``(E, D)``.
            present: ``(B, T, A)``.
            team: ``(B, A)``.
            now: ``(B, A, 4)``.
        """
        graph = Data(
            x=nodes.flatten(0, 2),
            edge_index=edge_index,
            edge_attr=edge_features,
            present=present.flatten(),
            team=team,
            now=now,
        )
        found = self.model(graph, mode="tensor")
        shares = (part.softmax(-1) for part in (found.formation, found.role, found.strategy))
        return *shares, found.positions

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Graphs of windows of :func:`draw_window`."""
        build = self._graph_builder()
        observed, rate = self.config.num_observed, self.config.rate
        windows = [draw_window(observed, rate, rng) for _ in range(batch)]
        built = [build(dict(window, num_observed=observed)) for window in windows]
        graph = Batch.from_data_list([window["graph"] for window in built])
        shape = (batch, len(built[0]["graph_frames"]), graph.team.shape[1])
        return (
            graph.x.unflatten(0, shape),
            graph.edge_index,
            graph.edge_attr,
            graph.present.view(shape),
            graph.team,
            graph.now,
        )

    def _graph_builder(self) -> BuildTacticsGraph:
        steps = [step for step in self.config.get("test_pipeline") or [] if "type" in step]
        for step in steps:
            if step["type"] == BuildTacticsGraph.__name__:
                return TRANSFORMS.build(step)
        raise ConfigError(
            f"config '{self.config.filename}' has no BuildTacticsGraph in a test_pipeline, which "
            "says what graphs the model takes"
        )

    def facts(self) -> dict[str, Any]:
        """What the outputs count, and how graphs are made."""
        build = self._graph_builder()
        return {
            "classes": {
                "formation": [formation.name for formation in FORMATIONS],
                "role": list(ROLES),
                "strategy": list(STRATEGIES),
            },
            "rate": self.config.rate,
            "frame_step": build.frame_step,
            "num_nearest": build.settings.num_nearest,
            "max_speed": build.settings.max_speed,
        }
