"""TacticsGNN: what teams play, from graphs of players and ball over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch_geometric.data import Batch

from footmm.errors import ConfigError
from footmm.models.common import set_predictions
from footmm.models.losses.tactics import TacticsTargets
from footmm.models.tactics.heads import Tokens
from footmm.registry import MODELS


class TacticsOutputs(NamedTuple):
    """What the network says of ``B`` windows.

    Attributes:
        formation: ``(B, 2, F)``, logits of each team's formation.
        role: ``(B, A, R)``, logits of each player's role.
        strategy: ``(B, T, 2, S)``, logits of each team's strategy in each frame of the graph.
        positions: ``(B, N, A, 2)``, where the agents go in the ``N`` frames after the last observed
            one, metres, world frame.
    """

    formation: Tensor
    role: Tensor
    strategy: Tensor
    positions: Tensor


@MODELS.register_module()
class TacticsGNN(BaseModel):
    """Graph attention among the players of a frame, a BiLSTM over the frames, and four heads.

    The output does not depend on the order of the players, and a window in which the teams swap
    sides and names gives the same answers with the teams swapped.

    Args:
        encoder: Config of what encodes the nodes, such as :class:`GATv2Encoder`.
        temporal: Config of what reads the frames, such as :class:`AgentBiLSTM`.
        formation_head: Config.
        role_head: Config.
        strategy_head: Config.
        next_position_head: Config.
        loss: Config of the loss of the four, such as :class:`footmm.models.losses.TacticsLoss`.
        data_preprocessor: Config of what makes one graph of a batch.
        init_cfg: MMEngine's.
    """

    def __init__(
        self,
        encoder: dict,
        temporal: dict,
        formation_head: dict,
        role_head: dict,
        strategy_head: dict,
        next_position_head: dict,
        loss: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            MODELS.build(data_preprocessor or dict(type="TacticsDataPreprocessor")), init_cfg
        )
        self.encoder = MODELS.build(encoder)
        self.temporal = MODELS.build(temporal)
        self.formation_head = MODELS.build(formation_head)
        self.role_head = MODELS.build(role_head)
        self.strategy_head = MODELS.build(strategy_head)
        self.next_position_head = MODELS.build(next_position_head)
        self.loss = MODELS.build(loss or dict(type="TacticsLoss"))

    def forward(
        self,
        inputs: Batch,
        data_samples: Sequence[BaseDataElement] | None = None,
        mode: str = "tensor",
    ) -> TacticsOutputs | dict[str, Tensor] | list[BaseDataElement]:
        """Run the model in one of MMEngine's three modes.

        Args:
            inputs: The graphs of B windows, see
                :func:`footmm.datasets.transforms.tactics.graph_of_window`.
            data_samples: B data samples; ``tensor`` does not need them.
            mode: ``tensor``, ``loss`` or ``predict``.

        Returns:
            ``tensor``: :class:`TacticsOutputs`. ``loss``: losses by name. ``predict``: the data
            samples with ``pred_formation`` (2, F), ``pred_role`` (A, R) and ``pred_strategy``
            (T, 2, S), probabilities; ``pred_positions`` (1, N, A, 2), metres, world frame, with
            ``pred_scores`` (1,), as one future of the scene; and ``pred_attention`` (E,), how much
            each edge of the graph counted.

        Raises:
            ValueError: ``mode`` is none of the three.
            ConfigError: The windows' futures do not fit the model.
        """
        if mode == "tensor":
            return self._run(inputs)[0]
        if mode == "loss":
            targets = TacticsTargets.of_samples(data_samples)
            self._check_future(targets.positions)
            return self.loss(self._run(inputs)[0], targets)
        if mode == "predict":
            outputs, attention = self._run(inputs, with_attention=True)
            return self._predict(outputs, attention, inputs, data_samples)
        raise ValueError(f"mode='{mode}' has to be 'tensor', 'loss' or 'predict'")

    def _run(
        self, inputs: Batch, with_attention: bool = False
    ) -> tuple[TacticsOutputs, Tensor | None]:
        batch, agents = inputs.team.shape
        encoded = self.encoder(inputs.x, inputs.edge_index, inputs.edge_attr, with_attention)
        vectors = encoded.nodes.view(batch, -1, agents, encoded.nodes.shape[-1])
        present = inputs.present.view(batch, -1, agents)
        tokens = Tokens(self.temporal(vectors), present, inputs.team)
        role = self.role_head(tokens)
        formation = self.formation_head(tokens, role)
        outputs = TacticsOutputs(
            formation=formation,
            role=self.role_head.given_formation(role, formation, tokens),
            strategy=self.strategy_head(tokens),
            positions=self.next_position_head(tokens, inputs.now),
        )
        return outputs, encoded.attention

    def _predict(
        self,
        outputs: TacticsOutputs,
        attention: Tensor,
        inputs: Batch,
        data_samples: Sequence[BaseDataElement],
    ) -> list[BaseDataElement]:
        predictions = {
            "pred_formation": outputs.formation.softmax(-1),
            "pred_role": outputs.role.softmax(-1),
            "pred_strategy": outputs.strategy.softmax(-1),
            "pred_positions": outputs.positions[:, None],
            "pred_scores": torch.ones(len(data_samples), 1, device=attention.device),
        }
        samples = set_predictions(data_samples, predictions)
        counts = [len(sample.graph_edges[0]) for sample in samples]
        for sample, weights in zip(samples, attention.split(counts), strict=True):
            sample.set_field(weights.detach().clone(), "pred_attention")
        return samples

    def _check_future(self, future: Tensor) -> None:
        wanted = self.next_position_head.num_frames
        if future.shape[1] != wanted:
            raise ConfigError(
                f"the windows have {future.shape[1]} frames after the last observed one, the "
                f"model's next_position_head predicts num_frames={wanted}; make the dataset's "
                "num_frames - num_observed the same"
            )
