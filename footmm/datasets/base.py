"""What the datasets of image files share: splits, unreadable images, reading of json."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from footmm.datasets.transforms.common import UnreadableImageError
from footmm.errors import ConfigError, DataFormatError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")

#: Pixels, metres and areas are smaller; beyond, not all whole numbers are floats.
LARGEST_NUMBER = 2**53


class ImageDataset(BaseDataset):
    """Base of the datasets of image files.

    ``load_data_list`` of a subclass returns dicts with ``img_path``. In training
    (``test_mode=False``) an image that cannot be read is replaced by another one, named once in a
    warning and counted in :attr:`num_skipped_images`. With ``test_mode=True`` it is an error.

    Args:
        data_root: Folder of the dataset.
        split: One of :attr:`SPLITS`.
        pipeline: Transforms, or their configs.
        test_mode: Whether the samples are evaluated, not trained on.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: There is no such split.
    """

    SPLITS: tuple[str, ...] = ()

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        split: str = "train",
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        self.check_split(split)
        self.split = split
        super().__init__(
            data_root=os.fspath(data_root), pipeline=list(pipeline), test_mode=test_mode, **kwargs
        )

    @classmethod
    def check_split(cls, split: str) -> None:
        """Refuse splits that the dataset does not have.

        Raises:
            ConfigError: See above.
        """
        if split not in cls.SPLITS:
            raise ConfigError(
                f"{cls.__name__}(split='{split}'): the splits are {', '.join(cls.SPLITS)}"
            )

    def full_init(self) -> None:
        """Read the annotations, if that has not been done yet."""
        if self._fully_initialized:
            return
        super().full_init()
        # One flag an image in shared memory, made before any worker is forked: workers then add up
        # without a lock, and no image is counted twice.
        self._unreadable = torch.zeros(len(self), dtype=torch.uint8).share_memory_()

    @property
    def num_skipped_images(self) -> int:
        """Number of images found unreadable so far, over all data loading workers."""
        self.full_init()
        return int(self._unreadable.sum())

    def __getitem__(self, idx: int) -> dict:
        """Return the sample after the pipeline.

        Raises:
            DataFormatError: The image cannot be read; in training, nor can those in its place.
        """
        if self.test_mode:
            return super().__getitem__(idx)
        self.full_init()
        for candidate in self._candidates(idx):
            try:
                return self.prepare_data(candidate)
            except UnreadableImageError as error:
                self._skip(candidate, error)
        raise DataFormatError(
            f"none of the images that can stand for {self.get_data_info(idx)['img_path']} can be "
            "read (see the warnings above); restore them or remove them with their annotations"
        )

    def _candidates(self, idx: int) -> Iterator[int]:
        """Yield ``idx``, then the samples that may be trained on in its place, best first.

        All others in random order, unless a subclass knows better.
        """
        yield idx
        yield from (int(other) for other in np.random.permutation(len(self)) if other != idx)

    def _skip(self, idx: int, error: UnreadableImageError) -> None:
        if self._unreadable[idx]:
            return
        self._unreadable[idx] = 1
        print_log(
            f"skipped in training, {self.num_skipped_images} of {len(self)} so far: {error}",
            logger="current",
            level=logging.WARNING,
        )


def read_json_object(path: Path) -> dict:
    """Read a json file that holds an object.

    Raises:
        DataFormatError: It is no valid json, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    # ValueError: no text, no json, or a number of thousands of digits.
    except (OSError, ValueError, RecursionError) as error:
        raise DataFormatError(f"{path} is not valid JSON ({error}); download it again") from error
    if not isinstance(content, dict):
        raise DataFormatError(f"{path} holds a {type(content).__name__}, not an object")
    return content
