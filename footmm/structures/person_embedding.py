"""What a model says about pictures of persons, and which of them are alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.structures import BaseDataElement

from footmm.structures.samples import as_array, required


@dataclass(frozen=True, eq=False)
class PersonEmbedding:
    """What a model says about the picture of a person.

    Attributes:
        name: Of the picture: the image file's name, or number and name of the video or array.
        embedding: ``(D,)`` float32, not normalised; those of one person point the same way.
        jersey_scores: ``(101,)`` float32, probabilities of the numbers 0 to 99 and of a number that
            cannot be seen; None where the model does not tell.
        height: Metres; None where the model does not tell.
        build: Body-mass index over 22; None where the model does not tell.
    """

    name: str
    embedding: np.ndarray
    jersey_scores: np.ndarray | None = None
    height: float | None = None
    build: float | None = None

    @classmethod
    def from_sample(cls, name: str, sample: Mapping[str, Any] | BaseDataElement) -> PersonEmbedding:
        """Read the predictions of ``ReIDModel``.

        Args:
            name: Of the picture.
            sample: The predicted data sample.

        Raises:
            DataFormatError: The sample has no embedding.
        """
        scores, shape = sample.get("pred_jersey"), sample.get("pred_body_shape")
        height, build = (None, None) if shape is None else as_array(shape).tolist()
        return cls(
            name=name,
            embedding=as_array(required(sample, "pred_feature")).astype(np.float32),
            jersey_scores=None if scores is None else as_array(scores).astype(np.float32),
            height=height,
            build=build,
        )


@dataclass(frozen=True, eq=False)
class PersonRanking:
    """For each of ``Q`` pictures the ``K`` of a gallery that are most like it, best first.

    Attributes:
        query: Names of the pictures.
        gallery: Names of all pictures of the gallery.
        order: ``(Q, K)`` int64, numbers of pictures of the gallery.
        distances: ``(Q, K)`` float32, of these, rising.
    """

    query: tuple[str, ...]
    gallery: tuple[str, ...]
    order: np.ndarray
    distances: np.ndarray

    def names(self, query: int) -> list[str]:
        """Return the names of the pictures most like one, best first."""
        return [self.gallery[number] for number in self.order[query]]
