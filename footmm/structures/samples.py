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
        name = _image_name(sample)
        if named_by is not None:
            name = f"a window of {named_by} '{sample.get(named_by)}'"
        raise DataFormatError(
            f"{name} has no '{key}'; look at the test pipeline and the model of the config"
        )
    return sample.get(key)


def predicted_arrays(
    sample: Mapping[str, Any] | BaseDataElement, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """Return the arrays of the ``pred_instances`` of an image, of ``N`` instances.

    Args:
        sample: Of an image.
        shapes: By name, what the shape of an array is after ``N``.

    Returns:
        By name, of the shape ``(N, ...)``.

    Raises:
        DataFormatError: An array is missing, or has another shape.
    """
    instances = required(sample, "pred_instances")
    arrays = {}
    for name, shape in shapes.items():
        if name not in instances:
            raise DataFormatError(f"{_image_name(sample)}: its 'pred_instances' have no '{name}'")
        array = as_array(instances[name])
        # Of nothing the shape may have been lost.
        arrays[name] = array if array.size else array.reshape(0, *shape)
    count = len(next(iter(arrays.values())))
    for name, shape in shapes.items():
        if arrays[name].shape != (count, *shape):
            raise DataFormatError(
                f"{_image_name(sample)}: '{name}' of its 'pred_instances' have the shape "
                f"{arrays[name].shape}, need {(count, *shape)}"
            )
    return arrays


def check_shapes(
    owner: str,
    arrays: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int | str, ...]],
) -> None:
    """Check that arrays have the shapes they need, and fit each other.

    Args:
        owner: Whose they are, for the message.
        arrays: By name, of any shape.
        shapes: By name, numbers, or letters that stand for the same number everywhere: for that of
            the first array that has as many dimensions as it needs.

    Raises:
        DataFormatError: An array has another shape.
    """
    sizes: dict[int | str, int] = {}
    for name, shape in shapes.items():
        found = arrays[name].shape
        if len(found) == len(shape):
            for letter, size in zip(shape, found, strict=True):
                sizes.setdefault(letter, size if isinstance(letter, str) else letter)
        needed = tuple(sizes.get(letter, letter) for letter in shape)
        if found != needed:
            raise DataFormatError(f"{owner}: '{name}' has the shape {found}, needs {needed}")


def _image_name(sample: Mapping[str, Any] | BaseDataElement) -> str:
    return f"sample {sample.get('img_id')} ({sample.get('img_path')})"


def as_array(value: Any) -> np.ndarray:
    """Return a tensor or array of any shape, on any device, as an array in double precision."""
    return torch.as_tensor(value).detach().cpu().double().numpy()
