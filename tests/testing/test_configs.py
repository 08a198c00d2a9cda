"""Small models."""

from __future__ import annotations

from pathlib import Path

import pytest

from footmm.apis.config import load_config
from footmm.testing import shrink_model

CONFIGS = Path(__file__).parents[2] / "configs"


def test_widths_shrink_together_and_the_config_stays():
    config = load_config(CONFIGS / "detection/detr_r50_ball.py")
    narrow = shrink_model(config).model
    assert narrow.backbone.base_channels == 8
    assert narrow.backbone.depth == 50
    assert narrow.decoder.num_layers == 1
    assert narrow.center_neck.in_channels == (32, 64, 128, 256)
    assert narrow.decoder.layer_cfg.self_attn_cfg.embed_dims == 32
    assert narrow.num_queries == config.model.num_queries
    assert "base_channels" not in config.model.backbone


def test_a_factor_stands_for_the_widths_that_it_multiplies():
    head = shrink_model(load_config(CONFIGS / "synloc/yoloxpose_l_640.py"), 4).model.head
    assert head.head_module_cfg.widen_factor == pytest.approx(0.25)
    assert head.head_module_cfg.in_channels == 256


def test_models_of_one_width_become_shallow_only():
    model = shrink_model(load_config(CONFIGS / "detection/dino_r50.py")).model
    assert model.decoder.num_layers == model.encoder.num_layers == 1
    assert model.encoder.layer_cfg.self_attn_cfg.embed_dims == 256
