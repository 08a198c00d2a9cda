"""From a config and a checkpoint to a model that predicts."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from footmm.apis.config import load_config
from footmm.apis.runner import config_mistakes_explained
from footmm.compat.checkpoints import check_checkpoint_fits, load_checkpoint_file
from footmm.compat.launch import select_device
from footmm.registry import MODELS


def init_model(
    config: str | Path | Config, checkpoint: str | Path, device: str | None = None
) -> BaseModel:
    """Build a config's model with the weights of a checkpoint, ready to predict.

    Args:
        config: A config file, or a config as :func:`~footmm.apis.config.load_config` returns it.
        checkpoint: A file that training wrote, or a bare state dict.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.

    Returns:
        The model on its device, in evaluation mode, with the config as ``cfg``.

    Raises:
        ConfigError: The config is missing, broken or names an unknown type or argument, or the
            device does not exist.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """
    if not isinstance(config, Config):
        config = load_config(config)
    device = select_device(device)
    init_default_scope(config.get("default_scope", "footmm"))
    with config_mistakes_explained():
        model = MODELS.build(_model_config(config))
    content = load_checkpoint_file(checkpoint)
    check_checkpoint_fits(content, model, checkpoint)
    state = dict(content.get("state_dict", content))
    consume_prefix_in_state_dict_if_present(state, "module.")
    # Not strict: checkpoints of old models lack num_batches_tracked, all else has been checked.
    model.load_state_dict(state, strict=False)
    model.cfg = config
    return model.to(device).eval()


def _model_config(config: Config) -> dict:
    """The model's config with the data preprocessor where MMEngine's Runner also puts it."""
    model = dict(config.model)
    if config.get("data_preprocessor") is not None:
        model.setdefault("data_preprocessor", config.data_preprocessor)
    return model
