"""Load a config and its overrides, and refuse what nobody would notice otherwise."""

from __future__ import annotations

import ast
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from footmm.errors import ConfigError, did_you_mean

#: What MMEngine's Runner and footmm's tools read from the top level of a config.
RUNNER_KEYS = frozenset(
    {
        "auto_scale_lr",
        "custom_hooks",
        "custom_imports",
        "data_preprocessor",
        "default_hooks",
        "default_scope",
        "env_cfg",
        "experiment_name",
        "find_unused_parameters",
        "launcher",
        "load_from",
        "log_level",
        "log_processor",
        "model",
        "model_wrapper_cfg",
        "optim_wrapper",
        "param_scheduler",
        "randomness",
        "resume",
        "sync_bn",
        "test_cfg",
        "test_dataloader",
        "test_evaluator",
        "train_cfg",
        "train_dataloader",
        "tta_model",
        "tta_pipeline",
        "val_cfg",
        "val_dataloader",
        "val_evaluator",
        "vis_backends",
        "visualizer",
        "work_dir",
    }
)

#: The parameters at the head of the shipped configs, and what each one says.
PARAMETERS: Mapping[str, str] = {
    "data_root": "folder of the dataset",
    "images": "resolution of the images: 'fullhd' or '4k'",
    "input_size": "(height, width) of the model's input, pixels",
    "test_input_size": "(height, width) of the model's input in tests, pixels",
    "heatmap_stride": "pixels of the model's input to a pixel of its heatmaps",
    "keypoint_set": "keypoints of the pitch: 'kp29' or 'kp57'",
    "cameras": "where the cameras of a sequence are, with {sequence} in place of its name",
    "num_frames": "frames of a window of tracks",
    "num_future": "frames after a window that the ball's flight is predicted for",
    "num_observed": "frames of a window that predictions are made from",
    "rate": "frames a second of a window of tracks",
    "frame_step": "frames of a window from one frame of its graph to the next",
    "stride": "frames from the start of one training window to that of the next",
    "provider": "who delivers the tracking data, as kloppy names it",
    "match_files": "names of a match's files, with {match} in place of its name",
    "train_prefixes": "how the file names of the training images begin",
    "test_prefixes": "how the file names of the test images begin",
    "train_matches": "names of the matches of the training data",
    "val_matches": "names of the matches of the validation data",
    "test_matches": "names of the matches of the test data",
    "train_part": "share of the matches that is trained on, from and to, 0 to 1",
    "test_part": "share of the matches that is tested on, from and to, 0 to 1",
    "every": "only every n-th frame of a sequence is used",
    "num_queries": "queries of a detection transformer: the most objects it finds in an image",
    "num_levels": "maps that a detection transformer attends to",
    "embed_dims": "length of a token of a transformer",
    "channels": "numbers that a frame has inside a network over time",
    "num_layers": "layers of a transformer, or of a network over time",
    "crop_size": "side of the crops around a detected ball, pixels",
    "num_heads": "heads of a transformer",
    "num_modes": "futures that are predicted for a scene",
    "codec": "how keypoints and lines become heatmaps, and heatmaps keypoints and lines",
    "batch_size": "samples a step, over all processes of one optimiser step",
    "identities_per_batch": "P of the P x K batches of re-identification",
    "images_per_identity": "K of the P x K batches of re-identification",
    "num_identities": "identities the appearance classifier can hold",
    "num_workers": "data-loading processes a training process",
    "max_epochs": "epochs of training",
    "mosaic_epochs": "epochs of training that put four frames together",
    "warmup_epochs": "epochs of linear learning-rate warm-up",
    "accumulation": "batches whose gradients are added up for a step of the optimiser",
    "learning_rate": "peak learning rate",
    "pixel_augmentation": "albumentations' transforms of the training images",
    "train_pipeline": "transforms of the training data",
    "final_pipeline": "transforms of the training data in the last epochs",
    "test_pipeline": "transforms of the validation and test data",
    "soccernet_pipeline": "transforms of SoccerNet's ball, which brings its detections along",
}


def load_config(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Load a config file and apply overrides to it.

    An override whose name is a parameter at the head of the config (``data_root``, ``batch_size``,
    ...) acts as if the file had been edited, so everything derived from it follows. A dotted name
    (``optim_wrapper.optimizer.lr``) replaces that one value. A name that does not exist is an
    error; ``+name`` adds it on purpose.

    Args:
        path: A Python config file.
        overrides: Names and values, as ``--cfg-options`` gives them.

    Returns:
        The merged config.

    Raises:
        ConfigError: The file is missing or broken, or it or an override has an unknown key.
    """
    path = Path(path)
    _check_exists(path)
    overrides = dict(overrides or {})
    parameters = {name: overrides.pop(name) for name in list(overrides) if name in PARAMETERS}
    config = _load_with_parameters(path, parameters)
    _check_top_level_keys(config, path)
    for name, value in overrides.items():
        _apply_override(config, name, value, path)
    return config


def _check_exists(path: Path) -> None:
    if path.is_file():
        return
    folder = next((p for p in path.parents if p.is_dir()), Path("."))
    known = [str(p) for p in folder.rglob("*.py")] if folder != Path(".") else []
    raise ConfigError(f"config '{path}' does not exist{did_you_mean(str(path), known, cutoff=0.5)}")


def _load_with_parameters(path: Path, parameters: Mapping[str, Any]) -> Config:
    chain = _config_chain(path)
    assigned = {name for file in chain for name in _top_level_assignments(file)}
    for name in parameters:
        if name not in assigned:
            hint = did_you_mean(name, assigned & set(PARAMETERS))
            raise ConfigError(f"'{name}' is not a parameter of {path}{hint}")
    if not parameters:
        return _parse(path, path)
    common = Path(os.path.commonpath([file.parent for file in chain]))
    with tempfile.TemporaryDirectory() as folder:
        for file in chain:
            copy = Path(folder) / file.relative_to(common)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(_with_parameters(file, parameters), encoding="utf-8")
        config = _parse(Path(folder) / chain[0].relative_to(common), path)
    return Config(config._cfg_dict, filename=str(path), cfg_text=config.text)


def _parse(file: Path, shown_as: Path) -> Config:
    try:
        return Config.fromfile(file)
    except Exception as error:  # a config is code: it may raise anything
        raise ConfigError(
            f"config '{shown_as}' cannot be read: {type(error).__name__}: {error}"
        ) from error


def _config_chain(path: Path, heirs: tuple[Path, ...] = ()) -> list[Path]:
    """The config file and all files it inherits from, absolute; other packages' are left out."""
    # Links are kept: the paths in a file are meant as seen from where the user found it.
    path = Path(os.path.abspath(path))
    if path in heirs:
        raise ConfigError(f"config '{path}' inherits from itself")
    chain = [path]
    for base in _base_files(path):
        if "::" in base:
            continue
        base_path = path.parent / base
        # False as well for names that no disk takes.
        if not os.path.isfile(base_path):
            raise ConfigError(f"config '{path}' inherits from '{base}', which does not exist")
        chain += [file for file in _config_chain(base_path, (*heirs, path)) if file not in chain]
    return chain


def _base_files(path: Path) -> list[str]:
    base = _top_level_assignments(path).get("_base_")
    if base is None:
        return []
    try:
        value = ast.literal_eval(base)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = None
    bases = [value] if isinstance(value, str) else value
    if not isinstance(bases, list | tuple) or not all(isinstance(name, str) for name in bases):
        raise ConfigError(
            f"config '{path}': '_base_' is {ast.unparse(base)[:80]}, not the name of a file or a "
            "list of such names"
        )
    return list(bases)


def _top_level_assignments(path: Path) -> dict[str, ast.expr]:
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    # ValueError: no text, or a NUL in it; the last two: brackets in brackets, without end.
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ConfigError(f"config '{path}' is not valid Python: {error}") from error
    return {
        target.id: statement.value
        for statement in module.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _with_parameters(path: Path, parameters: Mapping[str, Any]) -> str:
    """The text of a config file in which the named top-level assignments have other values."""
    lines = path.read_bytes().splitlines(keepends=True)
    assignments = _top_level_assignments(path)
    # The copies lie elsewhere: a base named by its absolute path has to be found among them.
    bases = [
        base if "::" in base else os.path.relpath(path.parent / base, path.parent)
        for base in _base_files(path)
    ]
    values = {**parameters, "_base_": bases}
    found = [(assignments[key], value) for key, value in values.items() if key in assignments]
    # From the end to the start, so that the positions of those still to come stay true; ast counts
    # columns in bytes.
    for node, value in sorted(found, key=lambda item: item[0].lineno, reverse=True):
        first, last = node.lineno - 1, node.end_lineno - 1
        head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
        lines[first : last + 1] = [head + repr(value).encode() + tail]
    return b"".join(lines).decode("utf-8")


def _check_top_level_keys(config: Config, path: Path) -> None:
    known = RUNNER_KEYS | set(PARAMETERS)
    for key in config:
        if key in known or key.startswith("_"):
            continue
        raise ConfigError(
            f"config '{path}': unknown top-level key '{key}'"
            f"{did_you_mean(key, known)} "
            "(a helper variable of your own starts with an underscore)"
        )


def _apply_override(config: Config, name: str, value: Any, path: Path) -> None:
    adds = name.startswith("+")
    *parents, last = name.removeprefix("+").split(".")
    node: Any = config
    for depth, key in enumerate(parents):
        child = _child(node, key)
        if child is None:
            # ``clip_grad=None`` and its like: not set yet, so there is nothing to compare with.
            adds = adds or (isinstance(node, Mapping) and key in node)
            if not adds:
                raise _unknown_override(name, ".".join(parents[: depth + 1]), key, node, path)
            node[key] = ConfigDict()
            child = node[key]
        node = child
    if _has(node, last):
        node[int(last) if isinstance(node, (list, tuple)) else last] = value
    elif isinstance(node, Mapping | Config) and adds:
        node[last] = value
    else:
        raise _unknown_override(name, name, last, node, path)


def _has(node: Any, key: str) -> bool:
    if isinstance(node, (list, tuple)):
        return key.isdigit() and int(key) < len(node)
    return isinstance(node, Mapping | Config) and key in node


def _child(node: Any, key: str) -> Any:
    if not _has(node, key):
        return None
    return node[int(key)] if isinstance(node, (list, tuple)) else node[key]


def _unknown_override(name: str, where: str, key: str, node: Any, path: Path) -> ConfigError:
    known = list(node) if isinstance(node, Mapping | Config) else []
    return ConfigError(
        f"--cfg-options {name}: config '{path}' has no key '{where}'"
        f"{did_you_mean(key, map(str, known))} "
        f"(to add a new key on purpose, write +{name.removeprefix('+')}=...)"
    )
