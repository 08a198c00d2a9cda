"""Estimate the GPU memory that training takes, from the tensors that one step on the CPU keeps.

What the backward pass needs is counted exactly, in mixed precision, for one image; weights,
gradients and two moments of the optimizer (four times the weights, five with an EMA) come on top.
Not counted are what cuDNN works in and what the allocator wastes: a fixed amount and a share of the
memory are set aside for these.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from footmm.apis.cli import add_config_arguments, report_errors
from footmm.apis.config import load_config
from footmm.apis.runner import config_mistakes_explained
from footmm.registry import DATASETS, MODELS

GIB = 2**30
GPU_GIB = (8, 12, 16, 24, 40, 80)
#: For the CUDA context and cuDNN's workspace, and the share that fragmentation may take.
RESERVED_GIB, USABLE_SHARE = 1.5, 0.85
COPIES_OF_WEIGHTS = 4


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    return parser.parse_args(argv)


class SavedTensors:
    """Adds up the memory that autograd keeps for the backward pass, without the weights."""

    def __init__(self, model: nn.Module) -> None:
        self._known = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
        self._kept: list[Tensor] = []
        self.num_bytes = 0

    def keep(self, tensor: Tensor) -> Tensor:
        """Count a tensor, unless its memory has been counted; it is kept as autograd would."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._known:
            self._known.add(storage.data_ptr())
            self.num_bytes += storage.nbytes()
            self._kept.append(tensor)
        return tensor


def bytes_per_image(config: Config, model: nn.Module) -> int:
    """What a training step keeps of the first image of the training data."""
    dataset = DATASETS.build(config.train_dataloader.dataset)
    data = model.data_preprocessor(pseudo_collate([dataset[0], dataset[0]]), True)
    saved = SavedTensors(model)
    with (
        torch.autograd.graph.saved_tensors_hooks(saved.keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16),
    ):
        model(**data, mode="loss")
    return saved.num_bytes // 2


def batch_sizes(per_image: int, weights: int, copies: int) -> dict[int, int]:
    """The largest batch by the memory of the GPU, GiB; 0 where not one image fits."""
    fixed = RESERVED_GIB * GIB + copies * weights
    return {
        memory: max(0, int((USABLE_SHARE * memory * GIB - fixed) / per_image)) for memory in GPU_GIB
    }


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        config = load_config(args.config, args.cfg_options)
        init_default_scope(config.get("default_scope", "footmm"))
        with config_mistakes_explained():
            model = MODELS.build(config.model).train()
        per_image = bytes_per_image(config, model)
        weights = 4 * sum(parameter.numel() for parameter in model.parameters())
        has_ema = any(hook["type"] == "EMAHook" for hook in config.get("custom_hooks") or [])
        print(f"kept for the backward pass: {per_image / 2**20:.0f} MiB an image")
        print(f"weights: {weights / 2**20:.0f} MiB, {COPIES_OF_WEIGHTS + has_ema} copies")
        for memory, size in batch_sizes(per_image, weights, COPIES_OF_WEIGHTS + has_ema).items():
            print(f"{memory:>3} GiB: batches of {size}")


if __name__ == "__main__":
    main()
