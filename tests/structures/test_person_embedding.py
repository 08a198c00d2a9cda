from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet.structures import ReIDDataSample

from footmm.errors import DataFormatError
from footmm.structures.person_embedding import PersonEmbedding, PersonRanking


def test_from_sample():
    sample = ReIDDataSample()
    with pytest.raises(DataFormatError, match="has no 'pred_feature'"):
        PersonEmbedding.from_sample("a", sample)
    sample.set_field(torch.tensor([3.0, 4.0]), "pred_feature")
    person = PersonEmbedding.from_sample("a", sample)
    assert (person.name, person.embedding.tolist()) == ("a", [3, 4])
    assert person.embedding.dtype == np.float32
    assert (person.jersey_scores, person.height, person.build) == (None, None, None)
    sample.set_field(torch.tensor([0.5, 0.5]), "pred_jersey")
    sample.set_field(torch.tensor([1.75, 1.25]), "pred_body_shape")
    person = PersonEmbedding.from_sample("a", sample)
    assert person.jersey_scores.tolist() == [0.5, 0.5]
    assert (person.height, person.build) == (1.75, 1.25)


def test_names_of_a_ranking():
    ranking = PersonRanking(("q",), ("a", "b", "c"), np.array([[2, 0]]), np.array([[0.1, 0.2]]))
    assert ranking.names(0) == ["c", "a"]
