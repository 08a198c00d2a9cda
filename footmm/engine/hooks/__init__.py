"""Hooks that MMEngine lacks."""

from footmm.engine.hooks.channels_last import ChannelsLastHook
from footmm.engine.hooks.checkpoint import CheckpointHook
from footmm.engine.hooks.epoch_seed import EpochSeedHook, seed_worker_from_epoch
from footmm.engine.hooks.freeze_backbone import FreezeBackboneHook
from footmm.engine.hooks.metrics_table import MetricsTableHook
from footmm.engine.hooks.non_finite_loss import NonFiniteLossHook
from footmm.engine.hooks.pipeline_switch import ResumablePipelineSwitchHook
from footmm.engine.hooks.progress_bar import RichProgressHook
from footmm.engine.hooks.score_threshold import ScoreThresholdHook
from footmm.engine.hooks.validation_pictures import ValidationPictureHook

__all__ = [
    "ChannelsLastHook",
    "CheckpointHook",
    "EpochSeedHook",
    "FreezeBackboneHook",
    "MetricsTableHook",
    "NonFiniteLossHook",
    "ResumablePipelineSwitchHook",
    "RichProgressHook",
    "ScoreThresholdHook",
    "ValidationPictureHook",
    "seed_worker_from_epoch",
]
