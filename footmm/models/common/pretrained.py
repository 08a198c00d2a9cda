"""Published weights as a start that a run can do without.

``init_cfg=dict(type='Pretrained', checkpoint=...)`` is MMEngine's way to start from published
weights. There, a failed download ends the run; here, it is a warning.
"""

from __future__ import annotations

import difflib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log
from mmengine.model import BaseModule, PretrainedInit
from mmengine.runner.checkpoint import get_torchvision_models
from mmengine.utils.dl_utils import load_url
from torch import Tensor, nn

from footmm.errors import CheckpointError

TORCHVISION = "torchvision://"
DOWNLOAD_TIMEOUT = 10.0
"""Seconds without a byte from the server after which a download counts as failed."""


class PretrainedMixin:
    """Adds optional published weights to a ``BaseModule``; goes before it in the list of bases.

    * A ``Pretrained`` entry of ``init_cfg`` whose download fails is dropped with a warning; so are
      those of the modules inside, such as an mmpose backbone.
    * Weights under ``unused_weights``, which published files carry for the task they were trained
      on, are left out when a state dict is loaded, instead of being reported as unexpected.
    """

    unused_weights: tuple[str, ...] = ()
    """Prefixes of parameter names that state dicts may hold and this module has no use for."""

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says, without the weights that cannot be fetched.

        Raises:
            CheckpointError: A local checkpoint does not exist, or torchvision publishes no weights
                of that name.
        """
        self.drop_unusable()
        super().init_weights()

    def drop_unusable(self) -> None:
        """Drop the entries of ``init_cfg``, here and inside, whose weights cannot be fetched.

        Raises:
            CheckpointError: See :meth:`init_weights`.
        """
        for module in self.modules():
            # Those with this mixin see to it when it is their turn.
            if module is self or not isinstance(module, PretrainedMixin):
                _drop_unusable(module)

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        unused = tuple(prefix + name for name in self.unused_weights)
        for key in [key for key in state_dict if key.startswith(unused)]:
            del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _drop_unusable(module: nn.Module) -> None:
    """Drop the entries of a module's ``init_cfg`` that cannot be carried out."""
    if not isinstance(module, BaseModule) or module.is_init or not module.init_cfg:
        return
    entries = [module.init_cfg] if isinstance(module.init_cfg, dict) else module.init_cfg
    usable = [entry for entry in entries if _is_usable(entry)]
    # mmpose's backbones only leave published weights as they are where init_cfg is still a dict.
    if len(usable) < len(entries):
        module.init_cfg = usable


def _is_usable(entry: dict) -> bool:
    """Whether an ``init_cfg`` entry can be carried out; warns where it cannot."""
    if entry["type"] not in ("Pretrained", PretrainedInit):
        return True
    problem = fetch_checkpoint(entry["checkpoint"])
    if problem is None:
        return True
    print_log(
        f"pretrained weights {entry['checkpoint']} could not be fetched ({problem}), training "
        "starts from scratch",
        logger="current",
        level=logging.WARNING,
    )
    return False


def fetch_checkpoint(checkpoint: str) -> str | None:
    """Bring a checkpoint into the local cache, where MMEngine's loader finds it.

    Only the main process downloads; all processes learn the outcome, so that they agree on whether
    there are weights to load.

    Args:
        checkpoint: A local path, an ``http(s)://`` address or ``torchvision://<name>``. Other
            schemes are left to MMEngine.

    Returns:
        None, or why the download failed.

    Raises:
        CheckpointError: A local path does not exist, or torchvision publishes no weights of that
            name.
    """
    url = _download_url(checkpoint)
    if url is None:
        return None
    outcome = [_download(url) if is_main_process() else None]
    broadcast_object_list(outcome, src=0)
    return outcome[0]


def _download_url(checkpoint: str) -> str | None:
    if checkpoint.startswith(("http://", "https://")):
        return checkpoint
    if checkpoint.startswith(TORCHVISION):
        return _torchvision_url(checkpoint.removeprefix(TORCHVISION))
    if "://" not in checkpoint and not os.path.isfile(os.path.expanduser(checkpoint)):
        raise CheckpointError(
            f"init_cfg.checkpoint='{checkpoint}' is not a file; correct the path, or remove "
            "init_cfg to start from scratch"
        )
    return None


def _torchvision_url(name: str) -> str:
    urls = get_torchvision_models()
    if name in urls:
        return urls[name]
    nearest = " or ".join(difflib.get_close_matches(name, urls, n=3)) or "none is near"
    raise CheckpointError(
        f"init_cfg.checkpoint='{TORCHVISION}{name}': torchvision publishes no weights named "
        f"'{name}'; did you mean: {nearest}?"
    )


def _download(url: str) -> str | None:
    try:
        with socket_timeout(DOWNLOAD_TIMEOUT):
            load_url(url, map_location="cpu", progress=False)
    except (OSError, HTTPException) as error:  # URLError and HTTPError are OSErrors
        return f"{type(error).__name__}: {error}"
    return None


@contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """Limit the wait for a server that does not answer; torch.hub sets no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
