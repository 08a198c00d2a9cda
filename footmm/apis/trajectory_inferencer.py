"""From tracks to the vectors and the futures of their windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement
from torch.utils.data import Subset

from footmm.apis.growing_files import at_end
from footmm.apis.inferencer import Pictures, Write
from footmm.apis.track_inferencer import TrackInferencer, TrackWindows
from footmm.apis.trajectory_embeddings import TrajectoryEmbeddings
from footmm.apis.window_inferencer import SUMMARY_FILE, WindowDataset, write_summary
from footmm.engine.hooks.validation_pictures import write_png
from footmm.errors import ConfigError, DataFormatError
from footmm.models.trajectory import Baller2Vec
from footmm.models.trajectory.encoder import Tracks
from footmm.structures.agent_tracks import AgentTracks
from footmm.structures.predicted_trajectories import PredictedTrajectories
from footmm.visualization.trajectory import (
    choose_windows,
    draw_forecast,
    draw_forecasts,
    forecast_error,
)

#: Of the file of embeddings.
FORMATS = ("parquet", "npz")


@dataclass(frozen=True, eq=False)
class InferredWindow:
    """What a model says about a window of ``T`` frames and ``A`` agents.

    Its vectors are those of :meth:`footmm.models.trajectory.Baller2Vec.embed`; d is the length of
    its tokens.

    Attributes:
        trajectories: The window and its predicted futures.
        period: Of the match, 1 for the first half.
        window: ``(3 * d,)`` float32, the vector of the window.
        frames: ``(T, 3 * d)`` float32, those of its frames.
        agents: ``(A, d)`` float32, those of its agents; 0 for places that nobody fills.
    """

    trajectories: PredictedTrajectories
    period: int
    window: np.ndarray
    frames: np.ndarray
    agents: np.ndarray


class TrajectoryInferencer(TrackInferencer[InferredWindow]):
    """Predicts futures and makes vectors of windows of tracks.

    ``out_dir`` gets ``embeddings.parquet`` or ``.npz``, a vector for each window (see
    :meth:`footmm.apis.trajectory_embeddings.TrajectoryEmbeddings.write`), which are kept for it
    until the end, ``summary.json``, and, if all windows were asked for, ``forecasts.png``: true
    and predicted paths of some windows, half of them the worst.

    Args:
        config: A config of the trajectory task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        file_format: Of the embeddings, ``'parquet'`` or ``'npz'``.
        with_agents: Whether the file also gets a vector of each agent.
        num_forecasts: Windows of ``forecasts.png``; 0 for none.

    Raises:
        ConfigError: The config is missing or broken, its model does not predict trajectories, or
            there is no such format.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    result_files = (*(f"embeddings.{name}" for name in FORMATS), SUMMARY_FILE)

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        file_format: str = FORMATS[0],
        with_agents: bool = False,
        num_forecasts: int = 4,
    ) -> None:
        if file_format not in FORMATS:
            raise ConfigError(f"file_format={file_format!r} has to be one of {', '.join(FORMATS)}")
        super().__init__(config, checkpoint, device)
        self._check_model()
        self.file_format = file_format
        self.with_agents = with_agents
        self.num_forecasts = num_forecasts

    @property
    def num_future(self) -> int:
        """Frames that the model predicts."""
        return self.model.forecast_head.num_frames

    @property
    def rate(self) -> float:
        """Frames a second of the tracks that the model takes."""
        return self.model.embedding.rate

    def cut(self, tracks: Sequence[AgentTracks], pipeline: Sequence[Any]) -> WindowDataset:
        """See :meth:`footmm.apis.track_inferencer.TrackInferencer.cut`."""
        return TrackWindows(
            tracks,
            num_frames=self.model.num_observed + self.num_future,
            num_observed=self.model.num_observed,
            pipeline=pipeline,
        )

    def predict(
        self, source: WindowDataset, batch_size: int, drawn: bool
    ) -> Iterator[tuple[None, InferredWindow]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.predict`.

        Raises:
            ConfigError: The dataset's pipeline does not pack its windows.
            DataFormatError: Windows are of another rate or length than the model's.
        """
        for items in self.batches(source, batch_size):
            for window in self._infer(items):
                yield None, window

    def predict_some(
        self, source: WindowDataset, numbers: Sequence[int]
    ) -> list[PredictedTrajectories]:
        """Predict some windows of a dataset.

        Args:
            source: The windows.
            numbers: Which of them, from 0.
        """
        pairs = self.predict(Subset(source, numbers), self.default_batch_size, drawn=False)
        return [window.trajectories for _, window in pairs]

    def draw(self, item: None, result: InferredWindow) -> Pictures:
        """Draw the observed, true and predicted paths."""
        return {"forecast": draw_forecast(result.trajectories)[..., ::-1]}

    @contextmanager
    def write_results(self, out: Path, source: WindowDataset) -> Iterator[Write[InferredWindow]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.write_results`."""
        rows: list[tuple[Any, ...]] = []
        errors: list[float] = []

        def finish(complete: bool) -> None:
            write_summary(out, complete, len(rows))
            if not rows:
                return
            path = out / f"embeddings.{self.file_format}"
            TrajectoryEmbeddings.from_rows(rows).write(path)
            if complete and self.num_forecasts:
                self._draw_forecasts(out / "forecasts.png", source, np.array(errors))

        def write(_: None, window: InferredWindow, __: Pictures) -> None:
            rows.append(TrajectoryEmbeddings.row(window, self.with_agents))
            errors.append(forecast_error(window.trajectories))

        with at_end(finish):
            yield write

    def _draw_forecasts(self, path: Path, source: WindowDataset, errors: np.ndarray) -> None:
        windows = self.predict_some(source, choose_windows(errors, self.num_forecasts))
        title = f"Forecasts of {len(windows)} of {len(errors):,} windows, first the worst"
        write_png(path, draw_forecasts(windows, title))

    def _infer(self, items: list[dict[str, Any]]) -> Iterator[InferredWindow]:
        for item in items:
            self._check_item(item)
        data = self.model.data_preprocessor(pseudo_collate(items), False)
        tracks = Tracks(**data["inputs"])
        with torch.no_grad():
            tokens = self.model.read(tracks)
            samples = self.model.add_predictions(tokens, tracks, data["data_samples"])
            vectors = self.model.pooling(tokens, tracks)
        parts = (vectors.window, vectors.frames, vectors.agents)
        arrays = [part.float().cpu().numpy() for part in parts]
        for sample, *embedded in zip(samples, *arrays, strict=True):
            trajectories = PredictedTrajectories.from_sample(sample)
            yield InferredWindow(trajectories, int(sample.period), *embedded)

    def _check_model(self) -> None:
        model, name = self.model, self.model.cfg.filename
        if not isinstance(model, Baller2Vec):
            raise ConfigError(
                f"config '{name}' is of the model {type(model).__name__}, which knows no "
                "trajectories; choose one of configs/trajectory"
            )
        if model.forecast_head is None:
            raise ConfigError(f"config '{name}': without model.forecast_head it predicts nothing")

    def _check_item(self, item: dict[str, Any]) -> None:
        if not {"inputs", "data_samples"} <= item.keys():
            raise ConfigError(
                "the dataset's pipeline has to end with PackTrajectoryInputs; its windows hold "
                f"{', '.join(item)}"
            )
        sample: BaseDataElement = item["data_samples"]
        place = f"{sample.source}, match '{sample.match}', frame {sample.frame_ids[0]}"
        self._check_rate(place, sample.rate)
        found = sample.num_observed, len(sample.frame_ids) - sample.num_observed
        wanted = self.model.num_observed, self.num_future
        if found != wanted:
            raise DataFormatError(
                f"{place}: the window has {found[0]} observed and {found[1]} future frames, the "
                f"model is for {wanted[0]} and {wanted[1]}; change the dataset's num_observed and "
                "num_frames"
            )
