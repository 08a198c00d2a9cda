"""Test a checkpoint: tools/test.py CONFIG CHECKPOINT."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.config import Config, ConfigDict

from footmm.apis.cli import (
    add_config_arguments,
    add_run_arguments,
    load_run_config,
    report_errors,
)
from footmm.apis.metrics_file import check_metrics_file, write_metrics
from footmm.apis.runner import build_runner, test
from footmm.errors import ConfigError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Test a checkpoint.")
    add_config_arguments(parser)
    add_run_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument("--out", metavar="RESULTS.pkl", help="write the predictions to this file")
    parser.add_argument(
        "--metrics",
        metavar="METRICS.json",
        help="write the metrics and their data to this file",
    )
    parser.add_argument("--show-dir", help="write the pictures of the predictions to this folder")
    parser.add_argument("--tta", action="store_true", help="test-time augmentation")
    return parser.parse_args(argv)


def configure(args: argparse.Namespace) -> Config:
    """The config, as the command line changes it."""
    config = load_run_config(args)
    if args.tta:
        enable_tta(config, args.config)
    if args.out:
        dump_predictions(config, args.out)
    if args.metrics:
        check_metrics_file(args.metrics)
    if args.show_dir:
        config.default_hooks.pictures = dict(config.default_hooks.pictures, out_dir=args.show_dir)
    return config


def enable_tta(config: Config, path: str) -> None:
    for key in ("tta_model", "tta_pipeline"):
        if key not in config:
            raise ConfigError(f"--tta: config '{path}' has no {key}")
    config.test_dataloader.dataset = with_pipeline(
        config.test_dataloader.dataset, config.tta_pipeline
    )
    config.model = ConfigDict(**config.tta_model, module=config.model)


def with_pipeline(dataset: ConfigDict, pipeline: list) -> ConfigDict:
    """The dataset's config with another pipeline; a fallback's in both of its datasets."""
    if dataset.type == "SyntheticFallback":
        parts = {name: with_pipeline(dataset[name], pipeline) for name in ("real", "synthetic")}
        return ConfigDict(dataset, **parts)
    return ConfigDict(dataset, pipeline=pipeline)


def dump_predictions(config: Config, out: str) -> None:
    if Path(out).suffix not in (".pkl", ".pickle"):
        raise ConfigError(f"--out: '{out}' must end in .pkl")
    evaluators = config.test_evaluator
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    config.test_evaluator = [*evaluators, dict(type="DumpResults", out_file_path=out)]


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        runner = build_runner(configure(args), args.device)
        metrics = test(runner, args.checkpoint)
        if args.metrics:
            write_metrics(args.metrics, runner, args.checkpoint, metrics)


if __name__ == "__main__":
    main()
