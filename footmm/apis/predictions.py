"""From the predictions that tools/test.py --out has written to the file that is submitted."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from footmm.errors import DataFormatError
from footmm.simulation.export.folder import write_atomically

#: All that a pickle of dicts, numbers, arrays and tensors refers to. A pickle can name any function
#: to be called while it is read; one that names another is refused.
PLAIN_DATA = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch.storage", "_load_from_bytes"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"),
}


class PlainDataUnpickler(pickle.Unpickler):
    """Reads pickles of plain data and tensors only."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of :data:`PLAIN_DATA`.

        Raises:
            pickle.UnpicklingError: The pickle names something else.
        """
        if (module, name) not in PLAIN_DATA:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is not plain data")
        if name == "_load_from_bytes":
            # torch's own one reads the pickle inside a storage without any restriction.
            return _load_storage
        return super().find_class(module, name)


def _load_storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def load_predictions(path: str | Path, required_keys: Sequence[str]) -> list[dict[str, Any]]:
    """Read the data samples of a test run.

    Args:
        path: The file that tools/test.py --out has written.
        required_keys: What each data sample has to hold.

    Returns:
        The data samples, as dicts.

    Raises:
        DataFormatError: The file cannot be read, holds something else than plain data and tensors,
            or a data sample lacks a key.
    """
    try:
        with open(path, "rb") as file:
            samples = PlainDataUnpickler(file).load()
    # A damaged file makes the unpickler fail in any way there is.
    except Exception as error:
        raise DataFormatError(
            f"cannot read predictions from '{path}': {error or type(error).__name__}"
        ) from error
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise DataFormatError(
            f"'{path}' is no list of predictions; write it with tools/test.py --out"
        )
    for sample in samples:
        for key in required_keys:
            if key not in sample:
                raise DataFormatError(f"'{path}': {sample.get('img_path')} has no '{key}'")
    return samples


def write_submission(path: str | Path, content: bytes) -> None:
    """Write a submission, which is there as a whole or not at all.

    Raises:
        DataFormatError: The file cannot be written.
    """
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise DataFormatError(f"cannot write '{path}': {error}") from error
