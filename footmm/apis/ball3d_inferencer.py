"""From detections of the ball and cameras to its path in three dimensions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch.utils.data import ConcatDataset

from footmm.apis.ball_arrays import BallArrays, ball_of_arrays
from footmm.apis.ball_path import BallPath3D
from footmm.apis.growing_files import at_end
from footmm.apis.inferencer import Pictures, Write
from footmm.apis.window_inferencer import (
    SUMMARY_FILE,
    WindowDataset,
    WindowInferencer,
    write_summary,
)
from footmm.datasets.ball3d import SoccerNetBallDataset
from footmm.datasets.mot import INFO_FILE
from footmm.engine.hooks.validation_pictures import write_png
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.models.ball3d import Ball3DTracker
from footmm.structures.ball_track import BallTrack
from footmm.visualization.ball3d import animate_flight, choose_tracks, draw_flights

PATH_FILE = "ball.csv"

#: Windows of flights.png.
_NUM_FLIGHTS = 4

_NEEDS = (
    "the ball's boxes and the cameras of all frames are needed: tools/infer/detection.py and "
    "tools/infer/homography.py find them in a video; give a folder in SoccerNet's tracking format "
    "(gt/gt.txt, gameinfo.ini, seqinfo.ini) and the constructor's cameras, or a dict of the arrays "
    "boxes (T, 4) and cameras, and rate"
)


class Ball3DInferencer(WindowInferencer[BallTrack]):
    """Tells where the ball is in the windows of a sequence.

    A call takes the folder of a sequence in SoccerNet's tracking format, a folder of such, a list
    of folders, a dict of the arguments of :func:`footmm.apis.ball_arrays.ball_of_arrays`, or a
    dataset of windows, such as :meth:`test_dataset`. Windows of a sequence overlap by half.

    ``out_dir`` gets ``ball.csv`` (for each frame place, velocity, uncertainty, mode, and whether to
    trust them; see :class:`footmm.apis.ball_path.BallPath3D`), ``summary.json``, and, if all
    windows were asked for, ``flights.png``, some windows from above, from the side and in the
    frame, and ``flight.gif``, the window in which the ball is highest. Of several sequences each
    has a folder of its own. All windows are kept for it until the end.

    Args:
        config: A config of the ball3d task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        cameras: Of the folders' frames, see :func:`footmm.datasets.soccernet_cameras.read_cameras`;
            ``{sequence}`` stands for the name of a sequence.
        animation: Whether ``out_dir`` gets ``flight.gif``.

    Raises:
        ConfigError: The config is missing or broken, or its model does not track a ball.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    default_batch_size = 32
    result_files = (PATH_FILE, SUMMARY_FILE)

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        cameras: str | os.PathLike[str] | None = None,
        animation: bool = True,
    ) -> None:
        super().__init__(config, checkpoint, device)
        if not isinstance(self.model, Ball3DTracker):
            raise ConfigError(
                f"config '{self.model.cfg.filename}' is of the model {type(self.model).__name__}, "
                "which tracks no ball; choose one of configs/ball3d"
            )
        self.cameras = None if cameras is None else os.fspath(cameras)
        self.animation = animation

    def read(self, inputs: Any) -> WindowDataset:
        """Cut sequences into overlapping windows.

        Args:
            inputs: Of a call; see the class.

        Raises:
            ConfigError: There are no cameras, or the config has no ``num_frames`` at its head.
            DatasetNotFoundError: Files are missing.
            DataFormatError: Files are broken or none of ours, or of another rate than the model's.
        """
        if isinstance(inputs, Mapping):
            return self._read_arrays(inputs)
        if isinstance(inputs, (str, os.PathLike)):
            return self._read_folder(Path(inputs))
        if isinstance(inputs, Sequence):
            if not inputs:
                raise DatasetNotFoundError("the list of sequences is empty")
            return ConcatDataset([self.read(item) for item in inputs])
        if isinstance(inputs, WindowDataset) and not isinstance(inputs, np.ndarray):
            return inputs
        raise DataFormatError(f"a {type(inputs).__name__} is no sequence: {_NEEDS}")

    def predict(
        self, source: WindowDataset, batch_size: int, drawn: bool
    ) -> Iterator[tuple[None, BallTrack]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.predict`."""
        for items in self.batches(source, batch_size):
            with torch.no_grad():
                samples = self.model.test_step(pseudo_collate(items))
            for sample in samples:
                yield None, BallTrack.from_sample(sample)

    def draw(self, item: None, result: BallTrack) -> Pictures:
        """Draw the window from above, from the side and in the frame."""
        return {"flight": draw_flights([result])[..., ::-1]}

    @contextmanager
    def write_results(self, out: Path, source: WindowDataset) -> Iterator[Write[BallTrack]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.write_results`."""
        sequences: dict[str, list[BallTrack]] = {}

        def finish(complete: bool) -> None:
            write_summary(out, complete, sum(map(len, sequences.values())))
            for name, tracks in sequences.items():
                folder = out / name if len(sequences) > 1 else out
                folder.mkdir(exist_ok=True)
                BallPath3D.of(tracks).write(folder / PATH_FILE)
                if complete:
                    self._draw_sequence(folder, tracks)

        with at_end(finish):
            yield lambda _, track, __: sequences.setdefault(track.sequence, []).append(track)

    def _draw_sequence(self, folder: Path, tracks: Sequence[BallTrack]) -> None:
        title = f"The ball in {len(tracks)} overlapping windows"
        picture = draw_flights(choose_tracks(tracks, _NUM_FLIGHTS), title)
        write_png(folder / "flights.png", picture)
        if self.animation:
            animate_flight(max(tracks, key=_height), folder / "flight.gif")

    def _read_folder(self, folder: Path) -> SoccerNetBallDataset:
        if folder.is_file():
            raise DataFormatError(f"'{folder}' is a file: {_NEEDS}")
        if self.cameras is None:
            raise ConfigError(f"'{folder}' comes without cameras: {_NEEDS}")
        is_sequence = (folder / INFO_FILE).is_file() or not folder.is_dir()
        crops: list[dict[str, Any]] = []
        if self.model.refiner is not None:
            crops = [dict(type="LoadBallCrops", size=self.model.refiner.crop_size)]
        with self.building():
            dataset = SoccerNetBallDataset(
                folder.parent if is_sequence else folder,
                self.cameras,
                sequences=[folder.name] if is_sequence else None,
                pipeline=[*crops, dict(type="PackBall3DInputs")],
                **self._window_settings(),
            )
        return self._checked(dataset, str(folder))

    def _read_arrays(self, arrays: Mapping[str, Any]) -> BallArrays:
        if self.model.refiner is not None:
            raise ConfigError(
                f"config '{self.model.cfg.filename}' looks at crops of the images, which arrays "
                "do not hold: give the folder of a sequence with images"
            )
        try:
            sequence = ball_of_arrays(**arrays)
        except TypeError as error:
            raise DataFormatError(f"a dict of arrays does not fit ({error}): {_NEEDS}") from error
        pipeline = [dict(type="PackBall3DInputs")]
        with self.building():
            dataset = BallArrays(sequence, pipeline=pipeline, **self._window_settings())
        return self._checked(dataset, f"sequence '{sequence.name}'")

    def _window_settings(self) -> dict[str, Any]:
        num_frames = self.model.cfg.get("num_frames")
        if num_frames is None:
            raise ConfigError(f"config '{self.model.cfg.filename}' states no num_frames")
        return dict(
            num_frames=num_frames,
            num_future=self.model.head.num_future,
            stride=max(num_frames // 2, 1),
            min_observed=0,
            test_mode=True,
        )

    def _checked(self, dataset: SoccerNetBallDataset, place: str) -> SoccerNetBallDataset:
        rate = dataset.get_data_info(0)["rate"]
        if not np.isclose(rate, self.model.rate):
            raise DataFormatError(
                f"{place}: the sequence has {rate:g} frames a second, the model was trained with "
                f"{self.model.rate:g}"
            )
        return dataset


def _height(track: BallTrack) -> float:
    """Metres that the ball is high in the frames that can be trusted."""
    return float(track.pred_positions[track.pred_reliable, 2].max(initial=0.0))
