"""What the re-identification datasets share: identities, and images that stand for each other."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from footmm.datasets.base import IMAGE_SUFFIXES, ImageDataset
from footmm.errors import ConfigError


class ReIDDataset(ImageDataset):
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
        *args: As of :class:`footmm.datasets.base.ImageDataset`.
        **kwargs: Likewise.

    Raises:
        ConfigError: There is no such split, or it has no labels to train on.
    """

    METAINFO: dict = {"task": "reid", "synthetic": False}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._num_identities = 0
        self._identities: dict[int, list[int]] = {}
        self._indexed_storage: Any = None
        super().__init__(*args, **kwargs)

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

    def _candidates(self, idx: int) -> Iterator[int]:
        """Yield ``idx``, then the other images of its identity in random order."""
        yield idx
        label = self.get_data_info(idx)["label"]
        others = [i for i in self.identity_indices()[label] if i != idx]
        yield from np.random.permutation(others).astype(int).tolist()


def find_images(folder: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Yield (folder, file name) of every image at or below a folder, in a fixed order.

    Files that are no images, and hidden ones, are left out.
    """
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                yield parent, name
