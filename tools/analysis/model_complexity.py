"""Count the parameters and the floating point operations of a config's model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from torch_geometric.data import Data

from footmm.apis.cli import add_config_arguments, report_errors
from footmm.apis.config import load_config
from footmm.apis.runner import config_mistakes_explained
from footmm.errors import ConfigError
from footmm.registry import DATASETS, MODELS


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        "--shape",
        nargs="+",
        type=int,
        metavar="N",
        help="shape of one input without the batch, e.g. 3 256 128; default: 3 channels of the "
        "config's input_size (height, width), or the first sample of its test data",
    )
    return parser.parse_args(argv)


def model_input(config: Config, model: BaseModel, shape: Sequence[int] | None) -> Any:
    """An input of the shape asked for, or of the config's images, or the first of its test data.

    Raises:
        ConfigError: There is none of these.
    """
    if not shape and "input_size" in config:
        shape = (3, *config.input_size)
    if shape:
        return torch.zeros(1, *shape)
    if config.get("test_dataloader") is None:
        raise ConfigError(
            f"{config.filename} has neither input_size nor test_dataloader: give --shape, e.g. "
            "3 256 128"
        )
    dataset = DATASETS.build(config.test_dataloader.dataset)
    return model.data_preprocessor(pseudo_collate([dataset[0]]))["inputs"]


class GraphModel(torch.nn.Module):
    """A model of graphs that is called with the parts of one: a tracer knows no graphs.

    Args:
        model: Is called with a graph.
    """

    def __init__(self, model: BaseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, parts: dict[str, torch.Tensor]) -> Any:
        """Return what the model makes of a graph of these parts."""
        return self.model(Data(**parts))


def describe(value: Any) -> str:
    """The shape of an input, or of each of its parts, without the batch."""
    if isinstance(value, torch.Tensor):
        return " x ".join(map(str, value.shape[1:]))
    return ", ".join(f"{name} {describe(part)}" for name, part in value.items())


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        config = load_config(args.config, args.cfg_options)
        init_default_scope(config.get("default_scope", "footmm"))
        with config_mistakes_explained():
            model = MODELS.build(config.model).eval()
            inputs = model_input(config, model, args.shape)
        traced = model
        if isinstance(inputs, Data):
            traced, inputs = GraphModel(model).eval(), inputs.to_dict()
        info = get_model_complexity_info(
            traced, inputs=(inputs,), show_table=False, show_arch=False
        )
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        print(f"model:        {type(model).__name__} ({args.config})")
        print(f"input:        {describe(inputs)}, batch of 1")
        print(f"parameters:   {info['params']:,} ({info['params_str']}), {trainable:,} trainable")
        print(f"operations:   {info['flops']:,} ({info['flops_str']}), a multiply-add counts as 1")
        print(f"activations:  {info['activations']:,} ({info['activations_str']})")


if __name__ == "__main__":
    main()
