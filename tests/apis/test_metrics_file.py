from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest
import torch

from footmm.apis.metrics_file import check_metrics_file, write_metrics
from footmm.errors import ConfigError


def runner(rank: int = 0) -> SimpleNamespace:
    metainfo = {"synthetic": False, "data_source": "films"}
    loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=metainfo))
    return SimpleNamespace(rank=rank, test_dataloader=loader)


def test_metrics_stand_beside_their_data(tmp_path):
    checkpoint, path = tmp_path / "a.pth", tmp_path / "metrics.json"
    torch.save({"state_dict": {}, "meta": {"dataset_meta": {"synthetic": True}}}, checkpoint)
    metrics = {"reid/mAP": 0.25, "reid/nothing": math.nan, "reid/far": math.inf, "reid/count": 3}
    write_metrics(path, runner(rank=1), checkpoint, metrics)
    assert not path.exists()
    write_metrics(path, runner(), checkpoint, metrics)
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == {
        "checkpoint": str(checkpoint),
        "data": "real: films",
        "trained_on": "synthetic",
        "metrics": {"reid/mAP": 0.25, "reid/nothing": None, "reid/far": None, "reid/count": 3.0},
    }


def test_bare_weights_do_not_tell_what_they_were_trained_on(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "a.pth")
    write_metrics(tmp_path / "metrics.json", runner(), tmp_path / "a.pth", {})
    assert json.loads((tmp_path / "metrics.json").read_text())["trained_on"] == "not stated"


def test_files_that_cannot_be_written_are_refused_before_the_test(tmp_path):
    check_metrics_file(tmp_path / "new" / "metrics.json")
    assert (tmp_path / "new").is_dir()
    with pytest.raises(ConfigError, match=r"must end in \.json"):
        check_metrics_file(tmp_path / "metrics.txt")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be made"):
        check_metrics_file(tmp_path / "file" / "metrics.json")
