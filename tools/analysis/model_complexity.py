"""Count the parameters and the floating point operations of a config's model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.registry import init_default_scope

from footmm.apis.cli import add_config_arguments, report_errors
from footmm.apis.config import load_config
from footmm.apis.runner import config_mistakes_explained
from footmm.errors import ConfigError
from footmm.registry import MODELS


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        "--shape",
        nargs="+",
        type=int,
        metavar="N",
        help="shape of one input without the batch, e.g. 3 256 128; default: 3 channels of the "
        "config's input_size (height, width)",
    )
    return parser.parse_args(argv)


def input_shape(config: Config, shape: Sequence[int] | None) -> tuple[int, ...]:
    """Take the shape asked for, or that of the config's images.

    Raises:
        ConfigError: Neither is given.
    """
    if shape:
        return tuple(shape)
    if "input_size" not in config:
        raise ConfigError(f"{config.filename} has no input_size: give --shape, e.g. 3 256 128")
    return (3, *config.input_size)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        config = load_config(args.config, args.cfg_options)
        shape = input_shape(config, args.shape)
        init_default_scope(config.get("default_scope", "footmm"))
        with config_mistakes_explained():
            model = MODELS.build(config.model).eval()
        info = get_model_complexity_info(model, shape, show_table=False, show_arch=False)
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        print(f"model:        {type(model).__name__} ({args.config})")
        print(f"input:        {' x '.join(map(str, shape))}, batch of 1")
        print(f"parameters:   {info['params']:,} ({info['params_str']}), {trainable:,} trainable")
        print(f"operations:   {info['flops']:,} ({info['flops_str']}), a multiply-add counts as 1")
        print(f"activations:  {info['activations']:,} ({info['activations_str']})")


if __name__ == "__main__":
    main()
