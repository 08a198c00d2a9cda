"""Train a model: tools/train.py CONFIG."""

from __future__ import annotations

import argparse

from mmengine.config import Config

from footmm.apis.cli import (
    add_config_arguments,
    add_run_arguments,
    load_run_config,
    report_errors,
)
from footmm.apis.runner import build_runner, resume_from, train
from footmm.compat.amp import mixed_precision_optim_wrapper
from footmm.compat.launch import select_device
from footmm.errors import ConfigError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a model.")
    add_config_arguments(parser)
    add_run_arguments(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="continue from CHECKPOINT, or from the newest one in the work dir",
    )
    parser.add_argument("--amp", action="store_true", help="train in mixed precision")
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="scale the learning rate to the total batch size",
    )
    parser.add_argument("--no-validate", action="store_true", help="train without validation")
    parser.add_argument("--seed", type=int, help="random seed (the config's)")
    return parser.parse_args(argv)


def configure(args: argparse.Namespace) -> Config:
    """The config, as the command line changes it."""
    config = load_run_config(args)
    if args.resume:
        resume_from(config, None if args.resume == "auto" else args.resume)
    if args.amp:
        device = select_device(args.device)
        config.optim_wrapper = mixed_precision_optim_wrapper(config.optim_wrapper, device)
    if args.auto_scale_lr:
        enable_auto_scale_lr(config, args.config)
    if args.no_validate:
        disable_validation(config)
    if args.seed is not None:
        config.randomness = dict(config.get("randomness", {}), seed=args.seed)
    return config


def enable_auto_scale_lr(config: Config, path: str) -> None:
    if "base_batch_size" not in config.get("auto_scale_lr", {}):
        raise ConfigError(
            f"--auto-scale-lr: config '{path}' does not say for which batch size its learning rate "
            "is meant; add auto_scale_lr = dict(base_batch_size=...)"
        )
    config.auto_scale_lr.enable = True
    # MMEngine compares it with the batches of single iterations; gradients may be of several.
    accumulated = config.optim_wrapper.get("accumulative_counts", 1)
    config.auto_scale_lr.base_batch_size /= accumulated


def disable_validation(config: Config) -> None:
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    hooks = config.get("default_hooks", {})
    hooks.get("checkpoint", {}).pop("save_best", None)
    hooks.pop("early_stopping", None)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        train(build_runner(configure(args), args.device))


if __name__ == "__main__":
    main()
