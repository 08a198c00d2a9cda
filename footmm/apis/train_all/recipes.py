"""What is trained for each task, and the one figure that stands for its test."""

from __future__ import annotations

from dataclasses import dataclass

PROFILES = ("synthetic", "full")


@dataclass(frozen=True)
class Recipe:
    """The configs of a task and its headline.

    Attributes:
        synthetic: Config that trains on synthetic data in minutes, from the root of a clone.
        full: Config of the literature on real data, from the root of a clone.
        data: What the full config reads, as tools/data/download.py names it.
        metric: Name of the headline, as the test writes it.
        unit: Of the headline, e.g. ``"m"``; empty for shares.
    """

    synthetic: str
    full: str
    data: str
    metric: str
    unit: str = ""


RECIPES: dict[str, Recipe] = {
    "homography": Recipe(
        "configs/homography/resnet50_synthetic.py",
        "configs/homography/resnet50_kp29.py",
        "soccernet-calibration",
        "homography/final_score@5",
    ),
    # Its data is open and ready to use, unlike that of baller2vec.py.
    "trajectory": Recipe(
        "configs/trajectory/baller2vec_synthetic.py",
        "configs/trajectory/baller2vec_skillcorner.py",
        "skillcorner",
        "trajectory/ADE@2.0s",
        "m",
    ),
    "ball3d": Recipe(
        "configs/ball3d/tcn_synthetic.py",
        "configs/ball3d/efficientnet_b3_tcn.py",
        "soccernet-tracking",
        "ball3d/error_median",
        "m",
    ),
    "reid": Recipe(
        "configs/reid/osnet_synthetic.py", "configs/reid/osnet.py", "soccernet-reid", "reid/mAP"
    ),
    "detection": Recipe(
        "configs/detection/detr_r50_synthetic.py",
        "configs/detection/detr_r50.py",
        "soccernet-tracking",
        "detection/mAP",
    ),
    "tactics": Recipe(
        "configs/tactics/gat_bilstm_synthetic.py",
        "configs/tactics/gat_bilstm.py",
        "skillcorner",
        "tactics/formation_accuracy",
    ),
    "synloc": Recipe(
        "configs/synloc/yoloxpose_tiny_synthetic.py",
        "configs/synloc/yoloxpose_tiny_640.py",
        "synloc",
        "synloc/mAP_locsim",
    ),
}
