from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from footmm.apis.config import load_config
from footmm.datasets.synloc import SynLocDataset
from footmm.datasets.transforms import (
    LoadSynLocImage,
    PackSynLocInputs,
    SynLocFilterAthletes,
    SynLocResize,
)

SIZE = (320, 192)


@pytest.fixture
def config() -> Config:
    """The config of the smallest model, without published weights."""
    init_default_scope("footmm")
    config = load_config("configs/synloc/yoloxpose_tiny_640.py")
    config.model.backbone.init_cfg = None
    return config.model


@pytest.fixture
def simcc_config(config) -> Config:
    """The same with keypoints in bins."""
    config.head.update(type="SimCCYOLOXPoseHead", loss_kpt_aux=None)
    return config


@pytest.fixture
def batch(synloc_root) -> dict:
    """Three frames at 320 x 192."""
    pipeline = [
        LoadSynLocImage(),
        SynLocResize(SIZE),
        SynLocFilterAthletes(min_size=0.5),
        PackSynLocInputs(),
    ]
    dataset = SynLocDataset(synloc_root, pipeline=pipeline)
    torch.manual_seed(0)
    return pseudo_collate([dataset[number] for number in range(3)])
