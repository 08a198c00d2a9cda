"""Checkpoints: read as untrusted input, and written so that a killed run leaves no broken file.

Upstream limitations (MMEngine 0.10.7):

* MMEngine leaves ``weights_only`` to PyTorch. PyTorch 2.6 changed its default to ``True``, since
  when MMEngine cannot resume its own checkpoints (``Unsupported global: HistoryBuffer``); older
  PyTorch, and ``load_url`` at any version, execute whatever code a checkpoint carries.
  :func:`install_safe_checkpoint_loading` can go when MMEngine registers its types with
  ``torch.serialization.add_safe_globals`` and passes ``weights_only=True`` itself.
* MMEngine writes a checkpoint into its final name. :func:`install_atomic_checkpoint_saving` can go
  when ``LocalBackend`` renames.
"""

from __future__ import annotations

import difflib
import functools
import logging
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mmengine.runner.checkpoint
import numpy as np
import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import HistoryBuffer, print_log
from mmengine.model import is_model_wrapper
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner.checkpoint import CheckpointLoader, find_latest_checkpoint
from torch import Tensor, nn
from torch.utils.model_zoo import load_url

from footmm.errors import CheckpointError

_MULTIARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
# What PyTorch's restricted unpickler says when a file asks for more than plain data.
_REFUSALS = (r"GLOBAL (\S+)", r"unrecognized function (<.+?>)")
_NAMES_SHOWN = 5
# What a pickled history buffer or one-cycle schedule holds of its own class, by ``getattr``.
_PICKLED_FUNCTIONS: dict[Any, tuple[str, ...]] = {
    HistoryBuffer: ("min", "max", "current", "mean"),
    OneCycleParamScheduler: ("_annealing_cos", "_annealing_linear"),
}


def install_safe_checkpoint_loading() -> None:
    """Make MMEngine load checkpoints, from files and from the network, without executing code.

    Afterwards ``load_from``, ``--resume``, ``init_cfg`` and ``torch.load`` itself accept
    MMEngine's own checkpoints with ``weights_only=True``, and files that cannot be loaded raise a
    :class:`~footmm.errors.CheckpointError`. Calling it again changes nothing.
    """
    torch.serialization.add_safe_globals(_safe_globals())
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)
    mmengine.runner.checkpoint.load_url = _load_url


def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
    """MMEngine's loader for local files; it shows the part of this name behind ``load_from_``."""
    return load_checkpoint_file(filename, map_location)


def load_checkpoint_file(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Load a checkpoint file without executing code from it.

    Args:
        path: The file; ``~`` is expanded.
        map_location: Where its tensors go, as ``torch.load`` takes it.

    Returns:
        What was saved: for MMEngine's checkpoints a dict with ``state_dict``, ``meta``, ...

    Raises:
        CheckpointError: The file is missing, unreadable, truncated, no checkpoint, or carries code.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(_missing_message(path))
    torch.serialization.add_safe_globals(_safe_globals())
    try:
        with _failures_explained(str(path)):
            _check_checksums(path)
            content = torch.load(path, map_location=map_location, weights_only=True)
    except OSError as error:
        raise CheckpointError(f"checkpoint '{path}' cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(
            f"'{path}' is no checkpoint: it holds a {type(content).__name__}, not a dict with a "
            "'state_dict'; give a file that training or torch.save(model.state_dict()) wrote"
        )
    return content


def check_checkpoint_fits(checkpoint: dict[str, Any], model: nn.Module, path: str | Path) -> None:
    """Check that a checkpoint holds the weights of a model, all of them and nothing else.

    MMEngine loads what fits and warns about the rest, so a test would print metrics of partly
    random weights. As in MMEngine's loader a prefix ``module.`` is ignored, and so are missing
    ``num_batches_tracked``. Where EMA is in use ``state_dict`` holds the averaged weights and
    ``ema_state_dict``, of the same shapes, those of the last iteration; the former is checked.

    Args:
        checkpoint: As :func:`load_checkpoint_file` returns it; a bare state dict is fine.
        model: The model, in a data-parallel wrapper or not.
        path: Where the checkpoint came from, for the message.

    Raises:
        CheckpointError: There are no weights by name, or some are missing, unexpected or of
            another shape.
    """
    if is_model_wrapper(model):
        model = model.module
    wanted = model.state_dict()
    state = checkpoint.get("state_dict", checkpoint)
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise CheckpointError(f"checkpoint '{path}' holds no weights by name in 'state_dict'")
    found = {re.sub(r"^module\.", "", name): value for name, value in state.items()}
    lines = _differences(found, wanted)
    if lines:
        raise CheckpointError(
            f"checkpoint '{path}'{_experiment(checkpoint)} is of another model than the config's "
            f"{type(model).__name__} with {len(wanted)} weights; "
            f"{'; '.join(lines)}. Use the config it was trained with (a copy lies in its work dir)"
        )


def find_resume_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint a run in this work dir continues from, or ``None`` where there is none yet.

    MMEngine notes the last checkpoint's path in ``last_checkpoint``. A work dir that was moved is
    searched for the noted name. A note that a kill cut off, which would lose the run, is replaced
    by the newest periodic checkpoint with a warning.

    Raises:
        CheckpointError: The noted checkpoint was deleted.
    """
    work_dir = Path(work_dir)
    noted = find_latest_checkpoint(str(work_dir))
    if noted is None:
        return None
    if not noted:
        return _newest_checkpoint(work_dir)
    beside_note = work_dir / Path(noted).name
    for path in (Path(noted), beside_note):
        if path.is_file():
            return path
    raise CheckpointError(
        f"'{work_dir / 'last_checkpoint'}' names '{noted}', which does not exist; resume from a "
        f"checkpoint of your choice (--resume CHECKPOINT), {_candidates(beside_note)}"
    )


class AtomicLocalBackend(LocalBackend):
    """MMEngine's local file backend, writing to a temporary name and renaming at the end."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes; the file has its old content or the new one, never a part of it."""
        self._replace(filepath, functools.partial(super().put, obj))

    def put_text(self, obj: str, filepath: str | Path, encoding: str = "utf-8") -> None:
        """Write text; the file has its old content or the new one, never a part of it."""
        self._replace(filepath, functools.partial(super().put_text, obj, encoding=encoding))

    @staticmethod
    def _replace(filepath: str | Path, write: Callable[..., None]) -> None:
        path = Path(filepath)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            write(filepath=temporary)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def install_atomic_checkpoint_saving() -> None:
    """Make every local file that MMEngine writes, checkpoints above all, appear complete or not.

    A SIGKILL during a write leaves the previous file and a hidden ``.<name>.<pid>.tmp``, see
    :func:`remove_partial_files`. The note ``last_checkpoint`` does not go through MMEngine's file
    backends; see :func:`find_resume_checkpoint`. Calling it again changes nothing.
    """
    register_backend("local", AtomicLocalBackend, force=True, prefixes="")


def remove_partial_files(folder: str | Path) -> None:
    """Remove what killed processes had begun to write below a folder (:class:`AtomicLocalBackend`).

    Files of other processes that are alive stay. This process, and no thread of it, is writing
    there: a file with its number is of an earlier process, as in a restarted container.
    """
    for path in Path(folder).rglob(".*.tmp"):
        writer = re.fullmatch(r"\..+\.(\d{1,9})\.tmp", path.name)
        if writer and not _is_another_process(int(writer[1])):
            path.unlink(missing_ok=True)


def _is_another_process(number: int) -> bool:
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


@functools.cache
def _safe_globals() -> list[Callable[..., Any]]:
    """The types in an MMEngine checkpoint that PyTorch does not know: all of them plain data."""
    array = np.zeros(1)
    reconstruct, scalar = array.__reduce__()[0], array[0].__reduce__()[0]
    codes = "?SU" + np.typecodes["AllInteger"] + np.typecodes["AllFloat"]
    dtype_classes = {type(np.dtype(code)) for code in codes}
    aliases = [
        _alias(function, module)
        for function in (reconstruct, scalar)
        for module in _MULTIARRAY_MODULES
    ]
    aliases.append(_alias(_pickled_function, "builtins", "getattr"))
    return [*_PICKLED_FUNCTIONS, np.ndarray, np.dtype, *dtype_classes, *aliases]


def _alias(
    function: Callable[..., Any], module: str, name: str | None = None
) -> Callable[..., Any]:
    """A function for PyTorch's allow-list under the name that it has in a file.

    NumPy 2.0 renamed ``numpy.core``: with both names, files load with the other version too.
    """

    def call(*args: Any) -> Any:
        return function(*args)

    call.__module__, call.__qualname__ = module, name or function.__name__
    return call


def _pickled_function(owner: Any, name: str) -> Callable[..., Any]:
    """Stands in for ``getattr``, by which a pickle names functions of a class."""
    if not isinstance(owner, type) or name not in _PICKLED_FUNCTIONS.get(owner, ()):
        raise pickle.UnpicklingError(f"unrecognized function {getattr}")
    return getattr(owner, name)


def _check_checksums(path: Path) -> None:
    """PyTorch writes a checksum for each part of a checkpoint but never looks at them."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"wrong checksum of its part '{damaged}'")


def _load_url(*args: Any, **kwargs: Any) -> Any:
    url = kwargs.get("url", args[0] if args else None)
    with _failures_explained(str(url)):
        return load_url(*args, **{**kwargs, "weights_only": True})


@contextmanager
def _failures_explained(source: str) -> Iterator[None]:
    try:
        yield
    # Not the file's fault: memory, disk or network.
    except (torch.cuda.OutOfMemoryError, MemoryError, OSError):
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(_unpickling_message(source, str(error))) from error
    # A damaged file makes the unpickler fail in any way there is.
    except Exception as error:
        raise CheckpointError(_damaged_message(source, str(error))) from error


def _unpickling_message(source: str, reason: str) -> str:
    refused = next((match[1] for p in _REFUSALS if (match := re.search(p, reason))), None)
    if refused is None:
        return _damaged_message(source, reason)
    return (
        f"checkpoint '{source}' is refused: it carries code, a call of '{refused}' on loading. The "
        "code was NOT executed. Weights need none: ask where the file comes from, and for a plain "
        "state_dict"
    )


def _damaged_message(source: str, reason: str) -> str:
    first_line = (reason.strip().splitlines() or ["unexpected end"])[0]
    return (
        f"checkpoint '{source}' is truncated, damaged or no checkpoint at all ({first_line}); "
        "copy or download it again, or use an older one"
    )


def _missing_message(path: Path) -> str:
    what = "is a folder" if path.is_dir() else "does not exist"
    return f"checkpoint '{path}' {what}; {_candidates(path)}"


def _candidates(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return f"neither does its folder '{folder}'"
    names = sorted(file.name for file in folder.glob("*.pth"))
    if not names:
        return f"'{folder}' holds no *.pth file"
    nearest = difflib.get_close_matches(path.name, names, n=1, cutoff=0.0)
    return f"nearest in '{folder}': {nearest[0]} (of {len(names)} *.pth files)"


def _newest_checkpoint(work_dir: Path) -> Path | None:
    saved = [*work_dir.glob("epoch_*.pth"), *work_dir.glob("iter_*.pth")]
    newest = max(saved, key=lambda path: path.stat().st_mtime_ns, default=None)
    print_log(
        f"'{work_dir / 'last_checkpoint'}' is empty (the run was killed while writing it); "
        f"the newest checkpoint in its place: {newest}",
        logger="current",
        level=logging.WARNING,
    )
    return newest


def _differences(found: dict[str, Any], wanted: dict[str, Tensor]) -> list[str]:
    missing = [k for k in wanted if k not in found and not k.endswith("num_batches_tracked")]
    unexpected = [name for name in found if name not in wanted]
    reshaped = [
        f"{name} {_shape(found[name])}, model {_shape(wanted[name])}"
        for name in wanted
        if name in found and _shape(found[name]) != _shape(wanted[name])
    ]
    problems = {"missing": missing, "unexpected": unexpected, "of another shape": reshaped}
    return [f"{len(names)} {kind}: {_some(names)}" for kind, names in problems.items() if names]


def _shape(value: Any) -> tuple[int, ...] | str:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f", and {rest} more" if rest > 0 else "")


def _experiment(checkpoint: dict[str, Any]) -> str:
    meta = checkpoint.get("meta")
    name = meta.get("experiment_name") if isinstance(meta, Mapping) else None
    return f" (of experiment {name})" if name else ""
