"""Shrink a config to seconds on a CPU, keeping its structure."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

#: Arguments that make a synthetic dataset tiny, by the dataset's type; of those that write files.
TINY_DATASETS: dict[str, dict[str, Any]] = {
    dataset: dict(
        settings=dict(
            train_games=2,
            valid_games=1,
            test_games=1,
            challenge_games=1,
            actions_per_game=2,
            persons_per_action=(4, 5),
            crops_per_person=(2, 3),
        )
    )
    for dataset in ("SyntheticReIDDataset", "SyntheticMarket1501Dataset")
} | {
    "SyntheticDetectionDataset": dict(num_samples=4, image_size=(320, 180)),
    "SyntheticHomographyDataset": dict(num_samples=4),
    "SyntheticSynLocDataset": dict(num_samples=4, image_size=(320, 180)),
}

#: The same, of those that make their samples while they are asked for, and write nothing.
TINY_GENERATORS: dict[str, dict[str, Any]] = {
    "SyntheticBall3DDataset": dict(num_samples=4, windows_per_block=4, cached_blocks=1),
    "SyntheticTacticsDataset": dict(
        num_samples=4, match_duration_s=45.0, matches_per_block=1, cached_blocks=1
    ),
    "SyntheticTrajectoryDataset": dict(
        num_samples=4, match_duration_s=10.0, matches_per_block=1, cached_blocks=1
    ),
}

#: Arguments that say where the files of a real dataset are.
_PLACES = ("data_root", "path")

#: Arguments that make a sampler's batches tiny, by the sampler's type; with the batch size.
TINY_SAMPLERS: dict[str, tuple[dict[str, Any], int]] = {
    sampler: (dict(identities_per_batch=4, images_per_identity=2), 8)
    for sampler in ("PKSampler", "ActionSampler")
}

#: Keys of the width of a layer, wherever they stand in a model's config.
WIDTHS = (
    "base_channels",
    "channels",
    "conv_out_channels",
    "embed_dims",
    "feat_channels",
    "feedforward_channels",
    "in_channels",
    "num_channels",
    "num_feats",
    "out_channels",
    "stem_channels",
)
#: Widths that a part has where its config states none.
IMPLIED_WIDTHS = {
    name: dict(base_channels=64, stem_channels=64) for name in ("mmdet.ResNet", "mmpose.ResNet")
}
#: Keys of how often like layers follow each other, and what they become.
DEPTHS = {
    "deepen_factor": 0.1,
    "num_blocks": 1,
    "num_csp_blocks": 1,
    "num_layers": 1,
    "num_modules": 1,
}
#: Backbones and models that have a width which their config does not decide.
ONE_WIDTH = ("EfficientNetLite", "OSNet", "ReIDResNet", "CenterDINO", "ConditionalDETR", "DINO")


def shrink_config(config: Config, folder: str | Path, epochs: int = 1) -> Config:
    """A copy of a config that trains in seconds: tiny synthetic data, one epoch, no workers.

    Args:
        config: A config of footmm.
        folder: Where the synthetic data (``synthetic/``) and the work dir (``work/``) go.
        epochs: Epochs of training.

    Returns:
        The smaller config; real datasets that a fallback names are made unreachable.
    """
    config = copy.deepcopy(config)
    folder = Path(folder)
    config.work_dir = str(folder / "work")
    config.train_cfg.update(max_epochs=epochs, val_interval=1)
    config.param_scheduler = [dict(type="ConstantLR", factor=1.0)]
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        _shrink_loader(config[name])
        for dataset in _datasets(config[name].dataset):
            dataset.update({key: str(folder / "real") for key in _PLACES if key in dataset})
            dataset.update(TINY_GENERATORS.get(dataset.type, {}))
            if dataset.type == "RepeatDataset":
                dataset.times = 1
            if dataset.type in TINY_DATASETS:
                dataset.update(TINY_DATASETS[dataset.type], data_root=str(folder / "synthetic"))
    return config


def shrink_model(config: Config, factor: int = 8) -> Config:
    """A copy of a config whose networks are narrow and shallow, and connected as before.

    All widths that the config states shrink together: what did not fit still does not. A model
    whose width its config does not decide stays as wide as it is.

    Args:
        config: A config of footmm.
        factor: What widths are divided by.

    Returns:
        The config of the small model; published weights do not fit it.
    """
    config = copy.deepcopy(config)
    types = {config.model.type, config.model.get("backbone", {}).get("type")}
    for part in _parts(config.model):
        part.update({name: _like(part[name], DEPTHS[name]) for name in DEPTHS if name in part})
        if not types.intersection(ONE_WIDTH):
            _narrow(part, factor)
    return config


def _narrow(part: Any, factor: int) -> None:
    for name, width in IMPLIED_WIDTHS.get(part.get("type"), {}).items():
        part.setdefault(name, width)
    # The rest of a part with a widen_factor is multiplied by it.
    names = ("widen_factor",) if "widen_factor" in part else WIDTHS
    part.update({name: _divided(part[name], factor) for name in names if name in part})


def _parts(value: Any) -> Iterator[Any]:
    """A model's config and those of its parts."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, (dict, list, tuple)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _parts(inner)


def _divided(width: Any, factor: int) -> Any:
    if isinstance(width, (list, tuple)):
        return type(width)(_divided(item, factor) for item in width)
    return width / factor if isinstance(width, float) else width // factor


def _like(value: Any, item: float) -> Any:
    """The item, as often as the value has items."""
    return type(value)([item] * len(value)) if isinstance(value, (list, tuple)) else item


def _shrink_loader(loader: Any) -> None:
    loader.num_workers = 0
    for name in ("worker_init_fn", "persistent_workers"):  # of workers that there are none of
        loader.pop(name, None)
    arguments, batch_size = TINY_SAMPLERS.get(loader.sampler.type, ({}, 4))
    loader.sampler.update(arguments)
    loader.batch_size = batch_size


def _datasets(dataset: Any) -> Iterator[Any]:
    """A dataset's config and those it wraps."""
    yield dataset
    for value in (*dataset.values(), *dataset.get("datasets", ())):
        if isinstance(value, dict) and "type" in value:
            yield from _datasets(value)
