"""Train torchreid's OSNet x1.0 from scratch on a folder in the layout of Market-1501.

    python benchmarks/reid_training_torchreid.py DATA_ROOT --steps 120

The peer of ``tools/train.py configs/reid/osnet_market1501.py`` on small folders: the same model and
input size, batches of 44 with 4 images a person, optimiser, peak learning rate and number of steps;
torchreid's own losses (label smoothing, hard triplets), augmentation, schedule and evaluation.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile

import torchreid
from torchreid.reid.data import ImageDataManager, ImageDataset, register_image_dataset
from torchreid.reid.engine import ImageTripletEngine
from torchreid.reid.models import build_model
from torchreid.reid.optim import build_lr_scheduler, build_optimizer

from footmm.datasets import Market1501Dataset


def records(data_root: str, split: str, role: str) -> list[tuple[str, int, int]]:
    """Image path, identity (counted from 0 in training) and camera, as torchreid wants them."""
    dataset = Market1501Dataset(data_root, split=split, test_mode=split == "test")
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    return [
        (info["img_path"], info.get("label", info["person_id"]), info["camera_id"])
        for info in infos
        if info["role"] == role
    ]


def train(data_root: str, steps: int) -> tuple[float, float]:
    """Train for as many epochs as hold ``steps`` steps; returns Rank-1 and mAP."""

    class Crops(ImageDataset):
        def __init__(self, root: str = "", **kwargs: object) -> None:
            roles = (("train", "train"), ("test", "query"), ("test", "gallery"))
            super().__init__(*(records(data_root, *role) for role in roles), **kwargs)

    register_image_dataset("crops", Crops)
    data = ImageDataManager(
        sources="crops",
        transforms=["random_flip", "random_crop", "random_erase"],
        batch_size_train=44,
        num_instances=4,
        train_sampler="RandomIdentitySampler",
        workers=0,
        use_gpu=False,
    )
    print(f"torchreid {torchreid.__version__}: {len(data.train_loader)} steps an epoch")
    epochs = max(1, steps // len(data.train_loader))
    model = build_model("osnet_x1_0", data.num_train_pids, loss="triplet", pretrained=False)
    optimizer = build_optimizer(model, "adam", lr=1.5e-3)
    scheduler = build_lr_scheduler(optimizer, "cosine", max_epoch=epochs)
    engine = ImageTripletEngine(data, model, optimizer, scheduler=scheduler, use_gpu=False)
    with tempfile.TemporaryDirectory() as folder:
        engine.run(save_dir=folder, max_epoch=epochs, print_freq=1000)
    loaders = engine.test_loader["crops"]
    return engine._evaluate(
        "crops", query_loader=loaders["query"], gallery_loader=loaders["gallery"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root")
    parser.add_argument("--steps", type=int, default=120)
    args = parser.parse_args()
    # torchreid tells its progress on stdout, where the result belongs.
    with contextlib.redirect_stdout(sys.stderr):
        rank1, mean_ap = train(args.data_root, args.steps)
    print(f"torchreid OSNet x1.0, {args.steps} steps: mAP {mean_ap:.4f}, Rank-1 {rank1:.4f}")


if __name__ == "__main__":
    main()
