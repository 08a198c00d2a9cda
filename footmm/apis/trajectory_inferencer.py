"""From tracks to the vectors and the futures of their windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement

from footmm.apis.runner import config_mistakes_explained
from footmm.apis.window_inferencer import WindowDataset, WindowInferencer
from footmm.datasets.trajectory.trajectories_npz import TrajectoriesNpz
from footmm.errors import ConfigError, DataFormatError
from footmm.models.trajectory import Baller2Vec
from footmm.models.trajectory.encoder import Tracks
from footmm.structures.predicted_trajectories import PredictedTrajectories


@dataclass(frozen=True, eq=False)
class InferredWindow:
    """What a model says about a window of ``T`` frames and ``A`` agents.

    Its vectors are those of :meth:`footmm.models.trajectory.Baller2Vec.embed`; d is the length of
    its tokens.

    Attributes:
        trajectories: The window and its predicted futures.
        period: Of the match, 1 for the first half.
        window: ``(3 d,)`` float32, the vector of the window.
        frames: ``(T, 3 d)`` float32, those of its frames.
        agents: ``(A, d)`` float32, those of its agents; 0 for places that nobody fills.
    """

    trajectories: PredictedTrajectories
    period: int
    window: np.ndarray
    frames: np.ndarray
    agents: np.ndarray


class TrajectoryInferencer(WindowInferencer):
    """Predicts futures and makes vectors of windows, a batch at a time.

    Args:
        config: A config of the trajectory task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        batch_size: Windows that are predicted together.

    Raises:
        ConfigError: The config is missing or broken, or its model does not predict trajectories.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        batch_size: int = 64,
    ) -> None:
        super().__init__(config, checkpoint, device, batch_size)
        self._check_model()

    @property
    def num_future(self) -> int:
        """Frames that the model predicts."""
        return self.model.forecast_head.num_frames

    def read_tracks(self, path: str | Path) -> WindowDataset:
        """Cut the tracks of a ``trajectories.npz`` into windows that the model takes.

        Args:
            path: The file, see :mod:`footmm.datasets.trajectory.trajectories_npz`.

        Raises:
            ConfigError: The config has no ``test_pipeline``.
            DatasetNotFoundError: There is no such file.
            DataFormatError: The file is broken, or too short for a window.
        """
        config = self.model.cfg
        if not config.get("test_pipeline"):
            raise ConfigError(
                f"config '{config.filename}' has no test_pipeline to read tracks with"
            )
        with config_mistakes_explained():
            return TrajectoriesNpz(
                path,
                num_frames=self.model.num_observed + self.num_future,
                num_observed=self.model.num_observed,
                pipeline=config.test_pipeline,
                test_mode=True,
            )

    def __call__(
        self, dataset: WindowDataset, indices: Iterable[int] | None = None
    ) -> Iterator[InferredWindow]:
        """Predict windows.

        Args:
            dataset: The windows; :meth:`test_dataset` and :meth:`read_tracks` make one.
            indices: Numbers of the windows to predict; all of them without it.

        Returns:
            The results in the order of the windows, while they are asked for.

        Raises:
            ConfigError: The dataset's pipeline does not pack its windows.
            DataFormatError: Windows are of another rate or length than the model's.
        """
        for items in self.batches(dataset, indices):
            yield from self._infer(items)

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
        rate = self.model.embedding.rate
        if not np.isclose(sample.rate, rate):
            raise DataFormatError(
                f"{place}: the tracks have {sample.rate:g} frames a second, the model was trained "
                f"with {rate:g}; resample them with tools/data/make_trajectories.py"
            )
        found = sample.num_observed, len(sample.frame_ids) - sample.num_observed
        wanted = self.model.num_observed, self.num_future
        if found != wanted:
            raise DataFormatError(
                f"{place}: the window has {found[0]} observed and {found[1]} future frames, the "
                f"model is for {wanted[0]} and {wanted[1]}; change the dataset's num_observed and "
                "num_frames"
            )
