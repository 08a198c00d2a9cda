"""Reading the data samples of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from footmm.errors import DataFormatError


def required(sample: Mapping[str, Any] | BaseDataElement, key: str) -> Any:
    """Return what a sample has under a key.

    Raises:
        DataFormatError: It lacks the key.
    """
    if key not in sample:
        raise DataFormatError(
            f"sample {sample.get('img_id')} ({sample.get('img_path')}) has no '{key}'; look at the "
            "test pipeline and the model of the config"
        )
    return sample.get(key)


def as_array(value: Any) -> np.ndarray:
    """Return a tensor or array, on any device, as an array in double precision."""
    return torch.as_tensor(value).detach().cpu().double().numpy()
