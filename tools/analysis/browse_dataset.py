"""Write samples of a dataset with their labels, before and after augmentation, as PNG files."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmengine.structures import BaseDataElement

from footmm.apis.cli import add_config_arguments, report_errors
from footmm.apis.config import load_config
from footmm.apis.runner import config_mistakes_explained
from footmm.engine.hooks.validation_pictures import write_png
from footmm.errors import ConfigError
from footmm.registry import DATASETS, VISUALIZERS

#: Draws the labels of a data sample on its RGB image, or all of a sample that is no image.
Draw = Callable[[np.ndarray | None, BaseDataElement], np.ndarray]

IMAGE_HEIGHT = 256
MIN_TILE_WIDTH = 260
LINE_HEIGHT = 16
GAP = 6
CHARACTER_WIDTH = 8
SHEET_COLUMNS = 4
# What says where an image came from and how large it is, not what it shows.
UNPRINTED_KEYS = frozenset({"img_shape", "ori_shape", "pad_shape", "scale_factor", "img_path"})


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the PNG files")
    parser.add_argument("--split", choices=("train", "val", "test"), default="train")
    parser.add_argument("--num", type=int, default=16, help="samples, evenly spread over the data")
    parser.add_argument(
        "--original", action="store_true", help="only the images as they are on disk"
    )
    return parser.parse_args(argv)


def build_dataset(config: Config, split: str) -> Any:
    """Build the dataset of a split.

    Raises:
        ConfigError: The config has no such split.
    """
    loader = config.get(f"{split}_dataloader")
    if loader is None:
        raise ConfigError(f"{config.filename} has no {split}_dataloader: choose another --split")
    with config_mistakes_explained():
        return DATASETS.build(loader.dataset)


def find_drawing(config: Config, dataset: Any) -> Draw | None:
    """Take ``draw_dataset_sample`` of the config's visualizer, if it has that method."""
    if "visualizer" not in config:
        return None
    with config_mistakes_explained():
        visualizer = VISUALIZERS.build(
            {"name": "browse_dataset", **config.visualizer, "vis_backends": None}
        )
    visualizer.dataset_meta = getattr(dataset, "metainfo", None)
    return getattr(visualizer, "draw_dataset_sample", None)


def label_lines(sample: BaseDataElement) -> list[str]:
    """Write every small label of a data sample as a line of text, the file's name first."""
    lines = [Path(sample.img_path).name] if "img_path" in sample else []
    for key, value in sorted(sample.all_items()):
        text = None if key in UNPRINTED_KEYS else _label_text(value)
        if text is not None:
            lines.append(f"{key}: {text}")
    return lines


def _label_text(value: Any) -> str | None:
    if isinstance(value, BaseDataElement):
        return _label_text(value.get("label"))
    if isinstance(value, (torch.Tensor, np.ndarray)):
        values = np.asarray(value).ravel().tolist()
        return ", ".join(f"{v:.4g}" for v in values) if len(values) <= 4 else None
    return str(value) if isinstance(value, (str, int, float, bool)) else None


def augmented_image(inputs: torch.Tensor) -> np.ndarray:
    """Turn a pipeline's output into an RGB image.

    Args:
        inputs: (3, H, W), BGR, 0 to 255.

    Returns:
        uint8, (H, W, 3), RGB.

    Raises:
        ConfigError: It is no image.
    """
    if inputs.ndim != 3 or inputs.shape[0] != 3:
        raise ConfigError(
            f"the samples are no images: inputs have the shape {tuple(inputs.shape)}, not (3, H, "
            "W); browse_dataset.py shows image datasets"
        )
    image = inputs.float().clamp(0, 255).round().byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(image[..., ::-1])


def input_picture(inputs: Any, sample: BaseDataElement, draw: Draw | None) -> np.ndarray:
    """Draw what the model gets, with its labels.

    Raises:
        ConfigError: It is no image, and the visualizer cannot draw it.
    """
    if isinstance(inputs, torch.Tensor):
        image = augmented_image(inputs)
        return image if draw is None else draw(image, sample)
    if draw is None:
        raise ConfigError(
            "the samples are no images, and the config's visualizer has no draw_dataset_sample; "
            "set the visualizer of the task"
        )
    return draw(None, sample)


def tile(images: Sequence[np.ndarray], lines: Sequence[str]) -> np.ndarray:
    """Put images side by side, scaled to one height, over lines of text.

    Args:
        images: uint8 RGB, any size.
        lines: Text; long lines are wrapped.

    Returns:
        uint8 RGB picture.
    """
    scaled = [
        mmcv.imresize(
            image, (max(1, round(image.shape[1] * IMAGE_HEIGHT / image.shape[0])), IMAGE_HEIGHT)
        )
        for image in images
    ]
    width = max(MIN_TILE_WIDTH, sum(image.shape[1] + GAP for image in scaled))
    lines = [part for line in lines for part in textwrap.wrap(line, width // CHARACTER_WIDTH)]
    canvas = np.full((IMAGE_HEIGHT + LINE_HEIGHT * len(lines) + GAP, width, 3), 255, np.uint8)
    left = 0
    for image in scaled:
        canvas[:IMAGE_HEIGHT, left : left + image.shape[1]] = image
        left += image.shape[1] + GAP
    for number, line in enumerate(lines):
        place = (3, IMAGE_HEIGHT + LINE_HEIGHT * (number + 1) - 3)
        cv2.putText(canvas, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas


def contact_sheet(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Lay tiles out in rows, each cell as large as the largest tile."""
    height = max(t.shape[0] for t in tiles)
    width = max(t.shape[1] for t in tiles) + GAP
    rows = -(-len(tiles) // SHEET_COLUMNS)
    columns = min(SHEET_COLUMNS, len(tiles))
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, picture in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet


def draw_samples(
    dataset: Any, indices: Sequence[int], draw: Draw | None, original: bool
) -> Iterator[np.ndarray]:
    """Draw one sample after the other: the file's image and, beside it, what the model gets."""
    for index in indices:
        item = dataset[index]
        sample = item["data_samples"]
        images = [mmcv.imread(sample.img_path, channel_order="rgb")] if "img_path" in sample else []
        if not original:
            images.append(input_picture(item["inputs"], sample, draw))
        if not images:
            raise ConfigError("--original: the data samples carry no img_path to read images from")
        yield tile(images, label_lines(sample))


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        config = load_config(args.config, args.cfg_options)
        init_default_scope(config.get("default_scope", "footmm"))
        set_random_seed(config.get("randomness", {}).get("seed") or 0)
        dataset = build_dataset(config, args.split)
        draw = find_drawing(config, dataset)
        indices = np.unique(np.linspace(0, len(dataset) - 1, args.num).round().astype(int))
        args.out.mkdir(parents=True, exist_ok=True)
        tiles = []
        for index, picture in zip(
            indices.tolist(),
            draw_samples(dataset, indices.tolist(), draw, args.original),
            strict=True,
        ):
            write_png(args.out / f"{args.split}_{index:06d}.png", picture)
            tiles.append(picture)
        sheet = args.out / f"browse_{args.split}.png"
        write_png(sheet, contact_sheet(tiles))
        print(f"{len(tiles)} of {len(dataset)} samples: {sheet}")


if __name__ == "__main__":
    main()
