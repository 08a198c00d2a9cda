"""A model that predicts from images in memory, whatever its task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement

from footmm.apis.config import load_config
from footmm.apis.frames import Frame
from footmm.apis.model import init_model
from footmm.apis.runner import config_mistakes_explained
from footmm.errors import ConfigError
from footmm.registry import TRANSFORMS

_READ = "LoadImageFromFile"


class FramePredictor:
    """Predicts frames with a config's model, a batch at a time.

    Frames go through the config's test pipeline without its first transform, which would read a
    file.

    Args:
        config: A config of the task, or its file.
        checkpoint: Weights of the config's model.
        pack: The transform that ends a test pipeline of the task.
        task: What the error about a config of another task calls this one.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        batch_size: Frames that are predicted together.

    Raises:
        ConfigError: The config is missing or broken, or its test pipeline is none of the task.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        pack: str,
        task: str,
        device: str | None = None,
        batch_size: int = 1,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}, it must be at least 1")
        config = config if isinstance(config, Config) else load_config(config)
        _check_pipeline(config, pack, task)
        self.model = init_model(config, checkpoint, device)
        self.batch_size = batch_size
        with config_mistakes_explained():
            self.pipeline = Compose([TRANSFORMS.build(step) for step in config.test_pipeline[1:]])

    def __call__(
        self, frames: Iterable[Frame], **keys: Any
    ) -> Iterator[tuple[Frame, BaseDataElement]]:
        """Predict frames, which are read when they are needed.

        Args:
            frames: The frames.
            **keys: What the pipeline's transforms need besides the image.

        Returns:
            Each frame with its data sample on the CPU.
        """
        frames = iter(frames)
        while batch := list(islice(frames, self.batch_size)):
            data = pseudo_collate([self.pipeline(_loaded(frame) | keys) for frame in batch])
            with torch.no_grad():
                samples = self.model.test_step(data)
            yield from zip(batch, (sample.cpu() for sample in samples), strict=True)


def _loaded(frame: Frame) -> dict[str, Any]:
    """What a dataset and ``LoadImageFromFile`` would have made of the frame."""
    return {
        "img": frame.image,
        "img_id": frame.number,
        "img_path": frame.name,
        "img_shape": frame.image.shape[:2],
        "ori_shape": frame.image.shape[:2],
        "sample_id": frame.name,
    }


def _check_pipeline(config: Config, pack: str, task: str) -> None:
    steps = [step["type"].rpartition(".")[2] for step in config.get("test_pipeline") or []]
    if not steps or steps[0] != _READ:
        raise ConfigError(
            f"config '{config.filename}' needs a test_pipeline that begins with {_READ}"
        )
    if steps[-1] != pack:
        raise ConfigError(
            f"config '{config.filename}' is none of {task}: its test_pipeline ends with "
            f"{steps[-1]} in place of {pack}; choose one of configs/{task}"
        )
