"""From the predictions of a batch to its data samples."""

from __future__ import annotations

import pytest
import torch
from mmengine.structures import BaseDataElement

from footmm.models.common import set_predictions


def test_samples_get_their_part_as_their_own():
    batch = torch.arange(6.0, requires_grad=True).reshape(2, 3)
    found = set_predictions([BaseDataElement(), BaseDataElement()], {"pred_places": batch})
    assert found[1].pred_places.tolist() == [3.0, 4.0, 5.0]
    assert not found[1].pred_places.requires_grad
    assert found[1].pred_places.untyped_storage().nbytes() == 3 * 4
    with pytest.raises(ValueError, match="longer"):
        set_predictions([BaseDataElement()], {"pred_places": batch})
