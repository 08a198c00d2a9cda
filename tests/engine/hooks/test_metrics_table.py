from __future__ import annotations

import pytest

from footmm.engine.hooks import MetricsTableHook
from footmm.engine.hooks.metrics_table import (
    _best_checkpoints,
    describe_data,
    format_metrics_table,
)

SYNTHETIC = {"synthetic": True, "data_source": "footmm simulation"}


@pytest.mark.parametrize(
    ("metainfo", "text"),
    [
        ({}, "not stated"),
        ({"synthetic": False}, "real"),
        (
            {"parts": [SYNTHETIC, {"synthetic": False}, SYNTHETIC]},
            "synthetic: footmm simulation; real",
        ),
        ({"synthetic": False, "data_source": "SoccerNet-ReID"}, "real: SoccerNet-ReID"),
        (SYNTHETIC, "synthetic: footmm simulation"),
        (
            {**SYNTHETIC, "synthetic_fallback": True},
            "synthetic (fallback: real data not found)",
        ),
    ],
)
def test_describe_data(metainfo, text):
    assert describe_data(metainfo) == text


def test_table_has_the_data_beside_every_metric_and_a_section_per_prefix():
    metrics = {"reid/mAP": 0.5, "reid/Rank-1": 0.25, "hist/mAP": 1.0, "queries": 12}
    lines = format_metrics_table("Test", metrics, "real: X").splitlines()
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in lines if "|" in line]
    assert rows == [
        ["metric", "value", "data"],
        ["reid/mAP", "0.5000", "real: X"],
        ["reid/Rank-1", "0.2500", "real: X"],
        ["hist/mAP", "1.0000", "real: X"],
        ["queries", "12", "real: X"],
    ]
    assert sum(line.startswith("+") for line in lines) == 5  # top, head, two sections, bottom
    assert lines[0].strip() == "Test"


def test_training_states_the_data_each_time_and_ends_with_the_table(make_runner, read_log):
    default_hooks = {"checkpoint": {"type": "CheckpointHook", "save_best": "tiny/count"}}
    runner = make_runner(
        [MetricsTableHook()], metainfo=SYNTHETIC, default_hooks=_with_rule(default_hooks)
    )
    runner.train()
    log = read_log(runner)
    assert log.count("Data of these metrics: synthetic: footmm simulation") == 2
    assert log.count("Validation after epoch 2") == 1
    assert "Validation after epoch 1" not in log
    assert "| tiny/count | 8.0000 | synthetic: footmm simulation |" in log
    assert f"Best checkpoint: {runner.work_dir}/best_tiny_count_epoch_1.pth (score 8.0000)" in log


def _with_rule(default_hooks):
    default_hooks["checkpoint"]["rule"] = "greater"
    return default_hooks


def test_test_and_lone_validation_print_the_table(make_runner, read_log):
    runner = make_runner([MetricsTableHook()], metainfo={**SYNTHETIC, "synthetic_fallback": True})
    runner.test()
    runner.val()
    log = read_log(runner)
    assert log.count("| tiny/count | 8.0000 | synthetic (fallback: real data not found) |") == 2
    assert "Validation after" not in log


def test_several_best_checkpoints_are_listed():
    info = {
        "best_ckpt_a/x": "a.pth",
        "best_score_a/x": 0.5,
        "best_ckpt_b": None,
        "epoch": 3,
    }
    assert _best_checkpoints(info) == ["Best checkpoint by a/x: a.pth (score 0.5000)"]
