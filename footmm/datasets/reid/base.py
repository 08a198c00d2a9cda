"""What the re-identification datasets share: identities, refetching, counting of bad images."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from footmm.datasets.transforms.common import UnreadableImageError
from footmm.errors import ConfigError, DataFormatError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


class ReIDDataset(BaseDataset):
    """Base of the datasets of cropped persons.

    ``load_data_list`` of a subclass returns dicts with ``img_path``, ``sample_id``, ``role``
    ('train', 'query' or 'gallery') and, where known, ``person_id``, ``action_id``, ``camera_id``,
    ``jersey`` and ``body_shape``. Query and gallery lie in one dataset.

    A training dataset (``test_mode=False``) adds ``label``, the identity counted from 0 in the
    order of the identities, and ``num_identities``, how many there are. Labels are those of the
    whole split, also where ``indices`` selects a part of it: a classifier built for the split fits
    any part. An image that cannot be read is replaced by another image of the same identity, named
    once in a warning and counted in :attr:`num_skipped_images`. With ``test_mode=True`` it is an
    error.

    Args:
        data_root: Folder of the dataset.
        split: One of :attr:`SPLITS`.
        pipeline: Transforms, or their configs.
        test_mode: Whether the samples are evaluated, not trained on.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: There is no such split, or it has no labels to train on.
    """

    METAINFO: dict = {"task": "reid", "synthetic": False}
    SPLITS: tuple[str, ...] = ()

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        split: str = "train",
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        if split not in self.SPLITS:
            raise ConfigError(
                f"{type(self).__name__}(split='{split}'): the splits are {', '.join(self.SPLITS)}"
            )
        self.split = split
        self._num_identities = 0
        self._identities: dict[int, list[int]] = {}
        self._indexed_storage: Any = None
        super().__init__(
            data_root=os.fspath(data_root), pipeline=list(pipeline), test_mode=test_mode, **kwargs
        )

    def full_init(self) -> None:
        """Read the annotations, if that has not been done yet."""
        if self._fully_initialized:
            return
        super().full_init()
        # One flag an image in shared memory, made before any worker is forked: workers then add up
        # without a lock, and no image is counted twice.
        self._unreadable = torch.zeros(len(self), dtype=torch.uint8).share_memory_()

    def filter_data(self) -> list[dict]:
        """Return the samples; those of a training dataset with their ``label``.

        Raises:
            ConfigError: A training dataset has samples of unknown identity.
        """
        if self.test_mode:
            return self.data_list
        keys = [self._identity_key(info) for info in self.data_list]
        if None in keys:
            raise ConfigError(
                f"{type(self).__name__}(split='{self.split}') holds images of unknown identity "
                f"(first: {self.data_list[keys.index(None)]['img_path']}), which cannot be trained "
                "on; set test_mode=True or use another split"
            )
        labels = {key: label for label, key in enumerate(sorted(set(keys)))}
        self._num_identities = len(labels)
        return [
            info | {"label": labels[key], "num_identities": len(labels)}
            for info, key in zip(self.data_list, keys, strict=True)
        ]

    def _identity_key(self, info: dict) -> Hashable | None:
        """Return what tells two persons apart, None where that is unknown; keys are sortable."""
        return info.get("person_id")

    @property
    def num_identities(self) -> int:
        """Number of training identities of the split, 0 of a test dataset."""
        self.full_init()
        return self._num_identities

    @property
    def num_skipped_images(self) -> int:
        """Number of images found unreadable so far, over all data loading workers."""
        self.full_init()
        return int(self._unreadable.sum())

    def identity_indices(self) -> dict[int, list[int]]:
        """Return the indices of every label's images, labels ascending.

        Raises:
            ConfigError: This is a test dataset, which has no labels.
        """
        if self.test_mode:
            raise ConfigError(
                f"{type(self).__name__}(split='{self.split}', test_mode=True) has no labels to "
                "sample identities by; use it with DefaultSampler, or set test_mode=False"
            )
        self.full_init()
        storage = self.data_address if self.serialize_data else self.data_list
        # get_subset() replaces the storage, and with it the meaning of an index.
        if self._indexed_storage is not storage:
            indices = defaultdict(list)
            for index in range(len(self)):
                indices[self.get_data_info(index)["label"]].append(index)
            self._identities = dict(sorted(indices.items()))
            self._indexed_storage = storage
        return self._identities

    def action_of(self, label: int) -> tuple[str, int]:
        """Return the game and the action that an identity was seen in.

        Raises:
            ConfigError: The data knows no actions.
        """
        info = self.get_data_info(self.identity_indices()[label][0])
        if "action_id" not in info:
            raise ConfigError(
                f"the images of {type(self).__name__} belong to no action; use PKSampler"
            )
        return info["game"], info["action_id"]

    def __getitem__(self, idx: int) -> dict:
        """Return the sample after the pipeline.

        Raises:
            DataFormatError: The image cannot be read; in training, no image of its identity can.
        """
        if self.test_mode:
            return super().__getitem__(idx)
        self.full_init()
        for candidate in self._same_identity(idx):
            try:
                return self.prepare_data(candidate)
            except UnreadableImageError as error:
                self._skip(candidate, error)
        raise DataFormatError(
            f"none of the images of the identity of {self.get_data_info(idx)['img_path']} can be "
            "read (see the warnings above); restore them or remove the identity"
        )

    def _same_identity(self, idx: int) -> Iterator[int]:
        """Yield ``idx``, then the other images of its identity in random order."""
        yield idx
        label = self.get_data_info(idx)["label"]
        others = [i for i in self.identity_indices()[label] if i != idx]
        yield from np.random.permutation(others).astype(int).tolist()

    def _skip(self, idx: int, error: UnreadableImageError) -> None:
        if self._unreadable[idx]:
            return
        self._unreadable[idx] = 1
        print_log(
            f"skipped in training, {self.num_skipped_images} of {len(self)} so far: {error}",
            logger="current",
            level=logging.WARNING,
        )


def find_images(folder: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Yield (folder, file name) of every image at or below a folder, in a fixed order.

    Files that are no images, and hidden ones, are left out.
    """
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                yield parent, name
