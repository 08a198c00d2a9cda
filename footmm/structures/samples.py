"""Reading data samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from footmm.errors import DataFormatError


def required(
    sample: Mapping[str, Any] | BaseDataElement, key: str, named_by: str | None = None
) -> Any:
    """Return what a sample has under a key.

    Args:
        sample: Of an image, or a window of a sequence.
        key: What is wanted.
        named_by: The key of the name of the window's sequence; None: it is an image.

    Raises:
        DataFormatError: It lacks the key.
    """
    if key not in sample:
        name = f"sample {sample.get('img_id')} ({sample.get('img_path')})"
        if named_by is not None:
            name = f"a window of {named_by} '{sample.get(named_by)}'"
        raise DataFormatError(
            f"{name} has no '{key}'; look at the test pipeline and the model of the config"
        )
    return sample.get(key)


def as_array(value: Any) -> np.ndarray:
    """Return a tensor or array, on any device, as an array in double precision."""
    return torch.as_tensor(value).detach().cpu().double().numpy()
