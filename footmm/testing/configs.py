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
    "SyntheticHomographyDataset": dict(num_samples=8),
    "SyntheticSynLocDataset": dict(num_samples=4, image_size=(320, 180)),
}

#: The same, of those that make their samples while they are asked for, and write nothing.
TINY_GENERATORS: dict[str, dict[str, Any]] = {
    "SyntheticBall3DDataset": dict(num_samples=8, windows_per_block=8, cached_blocks=1),
    "SyntheticTacticsDataset": dict(
        num_samples=12, match_duration_s=45.0, matches_per_block=2, cached_blocks=1
    ),
    "SyntheticTrajectoryDataset": dict(
        num_samples=12, match_duration_s=10.0, matches_per_block=2, cached_blocks=1
    ),
}

#: Arguments that say where the files of a real dataset are.
_PLACES = ("data_root", "path")

#: Arguments that make a sampler's batches tiny, by the sampler's type; with the batch size.
TINY_SAMPLERS: dict[str, tuple[dict[str, Any], int]] = {
    sampler: (dict(identities_per_batch=4, images_per_identity=2), 8)
    for sampler in ("PKSampler", "ActionSampler")
}


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
            if dataset.type in TINY_DATASETS:
                dataset.update(TINY_DATASETS[dataset.type], data_root=str(folder / "synthetic"))
    return config


def _shrink_loader(loader: Any) -> None:
    loader.num_workers = 0
    loader.pop("worker_init_fn", None)
    arguments, batch_size = TINY_SAMPLERS.get(loader.sampler.type, ({}, 4))
    loader.sampler.update(arguments)
    loader.batch_size = batch_size


def _datasets(dataset: Any) -> Iterator[Any]:
    """A dataset's config and those it wraps."""
    yield dataset
    for value in (*dataset.values(), *dataset.get("datasets", ())):
        if isinstance(value, dict) and "type" in value:
            yield from _datasets(value)
