"""Baller2Vec: representations of the movements of many agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from footmm.errors import ConfigError
from footmm.models.common import set_predictions
from footmm.models.trajectory.encoder import Tracks, TrajectoryEmbedding, TrajectoryTransformer
from footmm.models.trajectory.heads import Embeddings, ScenePooling
from footmm.registry import MODELS


@MODELS.register_module()
class Baller2Vec(BaseModel):
    """A transformer over agents and time that learns from movements alone.

    After baller2vec (Alcorn and Nguyen, arXiv:2102.03291): every agent in every frame is a token,
    and the tokens look at each other. Three tasks teach it, each of which can be left out: to say
    where the agents go (``forecast_head``), to guess where hidden agents are
    (``reconstruction_head``), and to tell two views of a window from other windows
    (``contrastive_head``).

    Unlike there, agents have no names: the network knows a token's team and whether it keeps the
    goal, and half of its attention heads follow the token's own agent. Its outputs follow any
    reordering of team-mates, and a model works for players it has never seen.

    Args:
        num_observed: Frames that the encoder sees at a time; what comes after is the future.
        rate: Frames a second of the windows.
        embed_dims: Length of a token, d.
        encoder: Config of :class:`TrajectoryTransformer` without ``embed_dims``.
        forecast_head: Config, or None.
        reconstruction_head: Config, or None.
        contrastive_head: Config, or None.
        views: Arguments of :class:`TrajectoryViews`, which makes the second view of a window.
        data_preprocessor: Config of what makes batches, and the first view of a window.
        init_cfg: MMEngine's.
    """

    def __init__(
        self,
        num_observed: int,
        rate: float,
        embed_dims: int = 128,
        encoder: dict | None = None,
        forecast_head: dict | None = None,
        reconstruction_head: dict | None = None,
        contrastive_head: dict | None = None,
        views: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            MODELS.build(data_preprocessor or dict(type="TrajectoryDataPreprocessor")), init_cfg
        )
        self.num_observed = num_observed
        self.embed_dims = embed_dims
        self.embedding = TrajectoryEmbedding(embed_dims, num_observed, rate)
        self.encoder = TrajectoryTransformer(embed_dims, **(encoder or {}))
        self.pooling = ScenePooling()
        self.views = MODELS.build(
            dict(type="TrajectoryViews", num_frames=num_observed) | (views or {})
        )
        self.forecast_head = _build(forecast_head, embed_dims)
        self.reconstruction_head = _build(reconstruction_head, embed_dims)
        self.contrastive_head = _build(contrastive_head, embed_dims)

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        data_samples: Sequence[BaseDataElement] | None = None,
        mode: str = "tensor",
    ) -> Tensor | dict[str, Tensor] | list[BaseDataElement]:
        """Run the model in one of MMEngine's three modes.

        Args:
            inputs: ``positions`` (B, T, A, 2), ``present`` (B, T, A), ``team`` (B, A) and
                ``goalkeeper`` (B, A), see :class:`Tracks`.
            data_samples: B data samples; only ``predict`` needs them.
            mode: ``tensor``, ``loss`` or ``predict``.

        Returns:
            ``tensor``: the windows' vectors, (B, 3 d). ``loss``: losses by name. ``predict``: the
            data samples with ``pred_positions`` (K, F, A, 2), ``pred_scores`` (K,) and
            ``pred_scales`` (K, F, A, 2), predicted from the first ``num_observed`` frames, and
            with ``pred_embedding`` (3 d,), the vector of the whole window.

        Raises:
            ValueError: ``mode`` is none of the three.
            ConfigError: The data samples have another ``num_observed`` than the model.
        """
        tracks = Tracks(**inputs)
        if mode == "tensor":
            return self.embed(inputs).window
        if mode == "loss":
            return self._loss(tracks)
        if mode == "predict":
            return self.add_predictions(self.read(tracks), tracks, data_samples)
        raise ValueError(f"mode='{mode}' has to be 'tensor', 'loss' or 'predict'")

    def encode(self, tracks: Tracks) -> Tensor:
        """Tokens ``(B, T, A, d)`` of at most ``num_observed`` frames."""
        return self.encoder(self.embedding(tracks), tracks.present)

    def read(self, tracks: Tracks) -> Tensor:
        """Tokens ``(B, T, A, d)`` of any number of frames.

        Windows longer than ``num_observed`` frames are read in pieces of that length, the last of
        which may overlap the one before.
        """
        frames = tracks.positions.shape[1]
        tokens = tracks.positions.new_zeros(*tracks.present.shape, self.embed_dims)
        for first in range(0, frames, self.num_observed):
            start = max(min(first, frames - self.num_observed), 0)
            piece = self.encode(tracks.frames(start, start + self.num_observed))
            tokens[:, first : first + self.num_observed] = piece[:, first - start :].float()
        return tokens

    def embed(self, inputs: Mapping[str, Tensor]) -> Embeddings:
        """Vectors of agents, frames and windows.

        Args:
            inputs: As in :meth:`forward`; any number of frames.
        """
        tracks = Tracks(**inputs)
        return self.pooling(self.read(tracks), tracks)

    def add_predictions(
        self, tokens: Tensor, tracks: Tracks, data_samples: Sequence[BaseDataElement]
    ) -> list[BaseDataElement]:
        """Fill data samples with what :meth:`forward` predicts.

        Args:
            tokens: What :meth:`read` has made of the tracks.
            tracks: The windows.
            data_samples: Of the windows.

        Raises:
            ConfigError: The data samples have another ``num_observed`` than the model.
        """
        self._check_observed(data_samples)
        return set_predictions(data_samples, self.predictions(tokens, tracks))

    def predictions(self, tokens: Tensor, tracks: Tracks) -> dict[str, Tensor]:
        """What :meth:`forward` predicts of B windows, by name.

        Args:
            tokens: What :meth:`read` has made of the tracks.
            tracks: The windows.
        """
        predictions = {"pred_embedding": self.pooling(tokens, tracks).window}
        if self.forecast_head is not None:
            # The first piece that is read are the observed frames: their tokens know no others.
            observed = tracks.frames(0, self.num_observed)
            forecast = self.forecast_head.predict(tokens[:, : self.num_observed], observed)
            predictions |= {
                "pred_positions": forecast.means[:, 0].transpose(2, 3),
                "pred_scales": forecast.log_scales[:, 0].transpose(2, 3).exp(),
                "pred_scores": forecast.logits[:, 0].softmax(-1),
            }
        return predictions

    def _loss(self, tracks: Tracks) -> dict[str, Tensor]:
        observed = tracks.frames(0, self.num_observed)
        tokens = self.encode(observed)
        losses: dict[str, Tensor] = {}
        if self.forecast_head is not None:
            losses |= self.forecast_head.loss(tokens, tracks, dense=self.encoder.causal)
        if self.contrastive_head is None and self.reconstruction_head is None:
            return losses
        return losses | self._loss_of_views(self.pooling(tokens, observed).window, tracks)

    def _loss_of_views(self, window: Tensor, tracks: Tracks) -> dict[str, Tensor]:
        """Losses of another view of the windows, in which some agents are hidden."""
        seen = view = self.views(tracks)
        if self.reconstruction_head is not None:
            seen, hidden = self.reconstruction_head.hide(view)
        tokens = self.encode(seen)
        losses: dict[str, Tensor] = {}
        if self.reconstruction_head is not None:
            losses |= self.reconstruction_head.loss(tokens, view, hidden)
        if self.contrastive_head is not None:
            losses |= self.contrastive_head.loss(window, self.pooling(tokens, seen).window)
        return losses

    def _check_observed(self, data_samples: Sequence[BaseDataElement]) -> None:
        """Refuse windows of which another number of frames counts as observed."""
        for sample in data_samples:
            if sample.num_observed != self.num_observed:
                raise ConfigError(
                    f"the dataset's num_observed={sample.num_observed} is not the model's "
                    f"num_observed={self.num_observed}; set both to the same number"
                )


def _build(config: dict | None, embed_dims: int) -> torch.nn.Module | None:
    return None if config is None else MODELS.build(dict(embed_dims=embed_dims) | config)
