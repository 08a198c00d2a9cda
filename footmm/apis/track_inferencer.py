"""What the inferencers of tracks share: arrays, files and folders, cut into windows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from footmm.apis.inferencer import Result
from footmm.apis.window_inferencer import WindowDataset, WindowInferencer
from footmm.datasets.trajectory.base import TrajectoryDataset
from footmm.datasets.trajectory.trajectories_npz import read_trajectories
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.structures.agent_tracks import AgentTracks

SUFFIX = ".npz"


class TrackWindows(TrajectoryDataset):
    """Windows of tracks that are in memory.

    Args:
        tracks: Of one or more matches.
        **kwargs: Arguments of :class:`footmm.datasets.trajectory.TrajectoryDataset`.

    Raises:
        DataFormatError: There is not a single window.
    """

    def __init__(self, tracks: Sequence[AgentTracks], **kwargs: Any) -> None:
        self._given = list(tracks)
        super().__init__(test_mode=True, **kwargs)

    def load_tracks(self) -> list[AgentTracks]:
        """Return the tracks."""
        return self._given


class TrackInferencer(WindowInferencer[Result]):
    """Base of the inferencers of tracks.

    A call takes tracks in memory (:class:`~footmm.structures.agent_tracks.AgentTracks`, or a dict
    of the arguments of its ``from_arrays``), a ``trajectories.npz`` (see
    :mod:`footmm.datasets.trajectory.trajectories_npz`), a folder of such files, a list of any of
    these, or a dataset of windows, such as :meth:`test_dataset`. Files are read when the call is
    made; their windows are cut when they are needed.
    """

    @property
    @abstractmethod
    def rate(self) -> float | None:
        """Frames a second of the tracks that the model takes; None where the config is silent."""

    @abstractmethod
    def cut(self, tracks: Sequence[AgentTracks], pipeline: Sequence[Any]) -> WindowDataset:
        """Cut tracks into windows that the model takes.

        Args:
            tracks: The tracks, of the right rate.
            pipeline: The config's test pipeline.
        """

    def read(self, inputs: Any) -> WindowDataset:
        """Find out which windows there are.

        Args:
            inputs: Of a call; see the class.

        Raises:
            ConfigError: The config has no ``test_pipeline``.
            DatasetNotFoundError: There is no such file, or none in the folder.
            DataFormatError: These are no tracks, of another rate than the model's, or too short
                for a window.
        """
        is_dataset = isinstance(inputs, WindowDataset)
        if is_dataset and not isinstance(inputs, (str, Mapping, Sequence, np.ndarray)):
            return inputs
        tracks = _read_tracks(inputs)
        for match in tracks:
            self._check_rate(f"{match.source}, match '{match.match}'", match.rate)
        config = self.model.cfg
        if not config.get("test_pipeline"):
            raise ConfigError(
                f"config '{config.filename}' has no test_pipeline to read tracks with"
            )
        with self.building():
            return self.cut(tracks, config.test_pipeline)

    def _check_rate(self, place: str, rate: float) -> None:
        if self.rate is not None and not np.isclose(rate, self.rate):
            raise DataFormatError(
                f"{place}: the tracks have {rate:g} frames a second, the model was trained with "
                f"{self.rate:g}; resample them with tools/data/make_trajectories.py"
            )


def _read_tracks(inputs: Any) -> list[AgentTracks]:
    if isinstance(inputs, AgentTracks):
        return [inputs]
    if isinstance(inputs, Mapping):
        try:
            return [AgentTracks.from_arrays(**inputs)]
        except TypeError as error:
            raise DataFormatError(
                f"a dict of arrays needs positions, team and rate: {error}; see "
                "footmm.structures.agent_tracks.AgentTracks.from_arrays"
            ) from error
    if isinstance(inputs, (str, Path)):
        return _read_files(Path(inputs))
    if not isinstance(inputs, Sequence):
        raise DataFormatError(
            f"a {type(inputs).__name__} holds no tracks: give AgentTracks, a dict of arrays, a "
            "trajectories.npz, a folder of them, a list of these, or a dataset"
        )
    if not inputs:
        raise DatasetNotFoundError("the list of tracks is empty")
    return [match for item in inputs for match in _read_tracks(item)]


def _read_files(path: Path) -> list[AgentTracks]:
    if path.is_dir():
        files = sorted(path.glob(f"*{SUFFIX}"))
        if not files:
            raise DatasetNotFoundError(
                f"folder '{path}' holds no tracks (*{SUFFIX}); tools/data/make_trajectories.py "
                "writes them from any source"
            )
        return [match for file in files for match in read_trajectories(file)]
    if path.exists() and path.suffix != SUFFIX:
        raise DataFormatError(
            f"'{path}' is no trajectories.npz; tools/data/make_trajectories.py makes one of any "
            "source of tracks; of a video, find its cameras and people first (tools/infer/"
            "homography.py and detection.py)"
        )
    return read_trajectories(path)
