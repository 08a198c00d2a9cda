"""A window of a match, and where its agents were predicted to go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from footmm.structures.samples import required


@dataclass(frozen=True, eq=False)
class PredictedTrajectories:
    """``T`` frames of ``A`` agents, of which the last ``F`` were predicted from those before.

    Attributes:
        match: Name of the match.
        source: Where the tracks come from.
        rate: Frames a second.
        frame_ids: ``(T,)``, the source's numbers of the frames.
        pitch_size: Length and width, metres.
        team: ``(A,)``, see :mod:`footmm.structures.agent_tracks`.
        goalkeeper: ``(A,)`` bool.
        agent_ids: Names of the agents; empty for places of the window that nobody fills.
        num_observed: Number of frames that the prediction was made from, ``T - F``.
        positions: ``(T, A, 2)``, metres, world frame; 0 where not present.
        present: ``(T, A)`` bool.
        predictions: ``(K, F, A, 2)``, metres, world frame: ``K`` futures of the whole scene.
        scores: ``(K,)``, probabilities of the futures.
        scales: ``(K, F, A, 2)``, standard deviations along x and y, metres; None where the
            prediction states none.
    """

    match: str
    source: str
    rate: float
    frame_ids: np.ndarray
    pitch_size: tuple[float, float]
    team: np.ndarray
    goalkeeper: np.ndarray
    agent_ids: tuple[str, ...]
    num_observed: int
    positions: np.ndarray
    present: np.ndarray
    predictions: np.ndarray
    scores: np.ndarray
    scales: np.ndarray | None

    @classmethod
    def from_sample(cls, sample: Mapping[str, Any] | BaseDataElement) -> PredictedTrajectories:
        """Read the predictions of ``Baller2Vec``.

        Raises:
            DataFormatError: The sample lacks a key.
        """
        scales = sample.get("pred_scales")
        return cls(
            match=str(_required(sample, "match")),
            source=str(_required(sample, "source")),
            rate=float(_required(sample, "rate")),
            frame_ids=np.asarray(_required(sample, "frame_ids"), dtype=np.int64),
            pitch_size=tuple(_required(sample, "pitch_size")),
            team=_array(_required(sample, "team"), np.int64),
            goalkeeper=_array(_required(sample, "goalkeeper"), bool),
            agent_ids=tuple(_required(sample, "agent_ids")),
            num_observed=int(_required(sample, "num_observed")),
            positions=_array(_required(sample, "positions")),
            present=_array(_required(sample, "present"), bool),
            predictions=_array(_required(sample, "pred_positions")),
            scores=_array(_required(sample, "pred_scores")),
            scales=None if scales is None else _array(scales),
        )

    @property
    def future(self) -> np.ndarray:
        """``(F, A, 2)``, where the agents went, metres; 0 where not present."""
        return self.positions[self.num_observed :]

    @property
    def duration_s(self) -> float:
        """Seconds from the last observed frame to the last."""
        return len(self.future) / self.rate

    @property
    def scored(self) -> np.ndarray:
        """``(F, A)`` bool: positions to compare with, of agents present when the future begins."""
        return self.present[self.num_observed :] & self.present[self.num_observed - 1]

    @property
    def most_probable(self) -> np.ndarray:
        """``(F, A, 2)``, the future with the highest score, metres, world frame."""
        return self.predictions[self.scores.argmax()]


def _required(sample: Mapping[str, Any] | BaseDataElement, key: str) -> Any:
    return required(sample, key, named_by="match")


def _array(value: Any, dtype: type = np.float64) -> np.ndarray:
    return torch.as_tensor(value).detach().cpu().numpy().astype(dtype)
