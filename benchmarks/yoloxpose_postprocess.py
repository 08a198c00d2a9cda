"""Post-processing of YOLOX-Pose: mmpose and footmm on the same raw outputs, in one run.

python benchmarks/yoloxpose_postprocess.py [--images 4] [--size 640 640]
python benchmarks/yoloxpose_postprocess.py --config CONFIG --checkpoint CHECKPOINT --images 20

Without a checkpoint the outputs are random: "untrained", every cell being a candidate with a box of
its own, and "athletes", 25 athletes an image of whom each is found by the cells around him. With
one, they are those of the trained model on the frames of the config's test set. Both start at the
maps of the last layers and end at the detections of the images. CPU time of one thread.
"""

# The number of threads has to be set before torch is imported, and footmm before mmpose.
from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import time
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from footmm.apis.config import load_config
from footmm.apis.model import init_model
from footmm.models.synloc.yoloxpose_head import HeadOutputs, YOLOXPoseHead
from footmm.registry import DATASETS, MODELS

from mmpose.models.heads.hybrid_heads import YOLOXPoseHead as MMPoseHead  # isort: skip
from mmpose.structures import PoseDataSample  # isort: skip

STRIDES = (8, 16, 32)
ATHLETES, CELLS_OF_ATHLETE = 25, 2
REPEATS = 3
TEST_CFG = dict(score_thr=0.01, nms_thr=0.65)
#: What the detections may differ by, pixels and shares: the boxes are computed alike, only sorted
#: and selected in another way.
TOLERANCE = 1e-3


class Given(nn.Module):
    """Layers whose outputs are known already."""

    def __init__(self, outputs: HeadOutputs) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, feats: Any) -> HeadOutputs:
        """Return them."""
        return self.outputs


def random_outputs(kind: str, images: int, size: tuple[int, int]) -> HeadOutputs:
    """Maps for images of a size (width, height)."""
    generator = torch.Generator().manual_seed(0)
    levels = [(size[1] // stride, size[0] // stride) for stride in STRIDES]

    def maps(channels: int, spread: float, mean: float = 0.0) -> list[Tensor]:
        shapes = [(images, channels, *level) for level in levels]
        return [spread * torch.randn(shape, generator=generator) + mean for shape in shapes]

    if kind == "untrained":
        return HeadOutputs(maps(1, 1.0), maps(1, 1.0), maps(4, 0.3), maps(4, 1.0), maps(2, 1.0))
    outputs = HeadOutputs(
        maps(1, 0.5, -7.0), maps(1, 0.5, -7.0), maps(4, 0.1), maps(4, 0.3), maps(2, 1.0)
    )
    for image in range(images):
        for _ in range(ATHLETES):
            height, width = levels[0]
            row = int(torch.randint(height - CELLS_OF_ATHLETE, (1,), generator=generator))
            column = int(torch.randint(width - CELLS_OF_ATHLETE, (1,), generator=generator))
            for part in (outputs.classes, outputs.objectness):
                rows = slice(row, row + CELLS_OF_ATHLETE)
                part[0][image, 0, rows, column : column + CELLS_OF_ATHLETE] += 8.0
    return outputs


def trained_outputs(
    config: str, checkpoint: str, images: int
) -> Iterator[tuple[HeadOutputs, list[PoseDataSample]]]:
    model = init_model(config, checkpoint, "cpu")
    dataset = DATASETS.build(model.cfg.test_dataloader.dataset)
    for number in range(min(images, len(dataset))):
        data = model.data_preprocessor(pseudo_collate([dataset[number]]))
        with torch.no_grad():
            yield model.head(model.extract_feat(data["inputs"])), data["data_samples"]


def heads() -> tuple[MMPoseHead, YOLOXPoseHead]:
    """mmpose's head and ours, with the same settings."""
    config = load_config("configs/synloc/yoloxpose_tiny_640.py").model.head
    ours = MODELS.build(config)
    theirs = MMPoseHead(
        num_keypoints=2,
        head_module_cfg=dict(config.head_module_cfg),
        featmap_strides=STRIDES,
        **{
            name: config[name]
            for name in ("prior_generator", "assigner", "loss_cls", "loss_obj", "loss_bbox")
        },
        loss_oks=config.loss_oks,
        loss_vis=config.loss_vis,
    )
    return theirs, ours


def copy_of(outputs: HeadOutputs) -> HeadOutputs:
    return HeadOutputs(*([level.clone() for level in maps] for maps in outputs))


def timed(
    head: MMPoseHead, outputs: HeadOutputs, samples: list[PoseDataSample]
) -> tuple[float, list[InstanceData]]:
    """Seconds of the fastest of some runs, and the detections."""
    fastest = float("inf")
    for _ in range(REPEATS):
        # mmpose writes into what it is given.
        head.head_module = Given(copy_of(outputs))
        start = time.process_time()
        result = head.predict((), samples, TEST_CFG)
        fastest = min(fastest, time.process_time() - start)
    return fastest, result


def largest_difference(ours: list[InstanceData], theirs: list[InstanceData]) -> float:
    largest = 0.0
    for found, expected in zip(ours, theirs, strict=True):
        if len(found) != len(expected):
            raise SystemExit(f"footmm has {len(found)} detections, mmpose {len(expected)}")
        # Equal scores come in any order.
        orders = [torch.as_tensor(each.bboxes)[:, 0].argsort() for each in (found, expected)]
        for name in ("bboxes", "bbox_scores", "keypoints", "keypoint_scores"):
            difference = found[name][orders[0]] - torch.as_tensor(expected[name])[orders[1]]
            largest = max(largest, float(difference.abs().max()) if len(found) else 0.0)
    if largest > TOLERANCE:
        raise SystemExit(f"the detections differ by {largest}")
    return largest


def compare(
    kind: str, parts: Iterator[tuple[HeadOutputs, list[PoseDataSample]]]
) -> tuple[float, float]:
    """Print a row of the table."""
    theirs, ours = heads()
    seconds, images, detections, largest = [0.0, 0.0], 0, 0, 0.0
    for outputs, samples in parts:
        peer, expected = timed(theirs, outputs, samples)
        own, found = timed(ours, outputs, samples)
        seconds = [seconds[0] + peer, seconds[1] + own]
        images += len(samples)
        detections += sum(map(len, found))
        largest = max(largest, largest_difference(found, expected))
    peer, own = (1e3 * value / images for value in seconds)
    print(
        f"{kind:<10} {images:>6} {detections / images:>10.0f} {peer:>10.1f} {own:>10.2f} "
        f"{peer / own:>8.0f} {largest:>12.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the post-processing of YOLOX-Pose.")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 640), help="width and height")
    parser.add_argument("--config")
    parser.add_argument("--checkpoint")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    init_default_scope("footmm")
    print("outputs    images detections  mmpose ms  footmm ms    times   difference")
    if args.checkpoint:
        compare("trained", trained_outputs(args.config, args.checkpoint, args.images))
        return
    for kind in ("untrained", "athletes"):
        outputs = random_outputs(kind, args.images, tuple(args.size))
        samples = [
            PoseDataSample(metainfo={"input_size": tuple(args.size)}) for _ in range(args.images)
        ]
        compare(kind, iter([(outputs, samples)]))


if __name__ == "__main__":
    main()
