from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from footmm.apis import runner as runner_module
from footmm.apis.runner import build_runner


@pytest.mark.parametrize("unused", [True, False])
def test_parameters_without_a_gradient_are_allowed_by_the_config(tmp_path, monkeypatch, unused):
    monkeypatch.setattr(runner_module, "init_distributed", lambda launcher, device: None)
    monkeypatch.setattr(
        runner_module, "Runner", SimpleNamespace(from_cfg=lambda config: config.model_wrapper_cfg)
    )
    config = Config(dict(work_dir=str(tmp_path), launcher="pytorch", find_unused_parameters=unused))
    assert build_runner(config, "cpu")["find_unused_parameters"] is unused
