"""What the inferencers of images and videos share: a test pipeline, and pictures of frames."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement

from footmm.apis.config import load_config
from footmm.apis.frames import Frame, FrameReader
from footmm.apis.inferencer import Inferencer, Pictures, Result, Write
from footmm.apis.picture_files import write_pictures
from footmm.apis.runner import config_mistakes_explained
from footmm.errors import ConfigError
from footmm.registry import TRANSFORMS

#: Takes a frame and its result.
Record = Callable[[Frame, Result], None]


class FrameInferencer(Inferencer[Result]):
    """Base of the inferencers of frames.

    Frames go through the config's test pipeline without its first transform, which would read a
    file; :meth:`load` stands in for it. A task states its name, the transforms that begin and end
    its pipelines, and the pictures that it draws; its
    :meth:`~footmm.apis.inferencer.Inferencer.predict` makes results of :meth:`predict_samples`, and
    :meth:`open_records` writes them.

    Args:
        config: A config of the task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        pictures: Whether ``out_dir`` gets a picture of each frame besides the results: a folder of
            images, or a video of a video.

    Raises:
        ConfigError: The config is missing or broken, or its test pipeline is none of the task.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    task: ClassVar[str]
    loader: ClassVar[str] = "LoadImageFromFile"
    packer: ClassVar[str]

    #: Folders of the pictures that are drawn, and the videos that stand for them.
    picture_files: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        pictures: bool = True,
    ) -> None:
        config = config if isinstance(config, Config) else load_config(config)
        self._check_pipeline(config)
        super().__init__(config, checkpoint, device)
        self.writes_pictures = pictures
        with config_mistakes_explained():
            self.pipeline = Compose([TRANSFORMS.build(step) for step in config.test_pipeline[1:]])

    def read(self, inputs: Any) -> FrameReader:
        """Make a reader of what :class:`~footmm.apis.frames.FrameReader` takes.

        Args:
            inputs: That, or such a reader, which knows afterwards which images could not be read.
        """
        return inputs if isinstance(inputs, FrameReader) else FrameReader(inputs)

    def predict_samples(
        self, frames: Iterable[Frame], batch_size: int
    ) -> Iterator[tuple[Frame, BaseDataElement]]:
        """Predict frames, which are read when they are needed.

        Args:
            frames: The frames.
            batch_size: Frames that are predicted together.

        Yields:
            Each frame with its data sample on the CPU.
        """
        frames = iter(frames)
        while batch := list(islice(frames, batch_size)):
            pairs = deque(zip(batch, self._predict_batch(batch), strict=True))
            # The next ones are read when these are gone.
            batch.clear()
            while pairs:
                yield pairs.popleft()

    def load(self, frame: Frame) -> dict[str, Any]:
        """What a dataset and the pipeline's first transform would have made of a frame."""
        return {
            "img": frame.image,
            "img_id": frame.number,
            "img_path": frame.name,
            "img_shape": frame.image.shape[:2],
            "ori_shape": frame.image.shape[:2],
            "sample_id": frame.name,
        }

    @abstractmethod
    def open_records(
        self, out: Path, source: FrameReader
    ) -> AbstractContextManager[Record[Result]]:
        """Open the files of results besides the pictures.

        Args:
            out: Folder of the results.
            source: The frames.

        Returns:
            A context with what writes a result; see
            :meth:`footmm.apis.inferencer.Inferencer.write_results`.
        """

    @contextmanager
    def write_results(self, out: Path, source: FrameReader) -> Iterator[Write[Result]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.write_results`."""
        files = self.picture_files if self.writes_pictures else {}
        with ExitStack() as stack:
            record = stack.enter_context(self.open_records(out, source))
            writers = {
                folder: stack.enter_context(write_pictures(out, folder, video, source))
                for folder, video in files.items()
            }

            def write(frame: Frame, result: Result, pictures: Pictures) -> None:
                for folder, write_picture in writers.items():
                    write_picture(frame.name, pictures[folder])
                record(frame, result)

            yield write

    def _predict_batch(self, batch: Sequence[Frame]) -> list[BaseDataElement]:
        data = pseudo_collate([self.pipeline(self.load(frame)) for frame in batch])
        with torch.no_grad():
            samples = self.model.test_step(data)
        return [sample.cpu() for sample in samples]

    def _check_pipeline(self, config: Config) -> None:
        steps = [step["type"].rpartition(".")[2] for step in config.get("test_pipeline") or []]
        if steps and steps[-1] != self.packer:
            raise ConfigError(
                f"config '{config.filename}' is none of {self.task}: its test_pipeline ends with "
                f"{steps[-1]} in place of {self.packer}; choose one of configs/{self.task}"
            )
        if not steps or steps[0] != self.loader:
            raise ConfigError(
                f"config '{config.filename}' needs a test_pipeline that begins with {self.loader}"
            )
