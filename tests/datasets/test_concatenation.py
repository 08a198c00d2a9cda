from __future__ import annotations

import pytest
from mmengine.registry import init_default_scope

from footmm.datasets import ConcatDataset
from footmm.engine.hooks.metrics_table import describe_data
from footmm.registry import DATASETS

FLIGHTS = dict(type="SyntheticBall3DDataset", num_samples=2, num_frames=6, num_future=5, rate=25.0)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope("footmm")


def ball(root):
    return dict(
        type="SoccerNetBallDataset",
        data_root=str(root),
        cameras=str(root / "cameras/{sequence}"),
        split="train",
        num_frames=6,
        num_future=5,
    )


def described(*parts):
    dataset = DATASETS.build(dict(type="ConcatDataset", datasets=list(parts)))
    assert isinstance(dataset, ConcatDataset)
    return describe_data(dataset.metainfo)


def test_a_mixture_is_not_called_by_one_of_its_sources(soccernet_ball_root):
    wanted = dict(type="SyntheticFallback", real=ball(soccernet_ball_root), synthetic=FLIGHTS)
    text = "synthetic: simulated flights; real: SoccerNet tracking"
    assert described(dict(FLIGHTS, split="train"), wanted) == text


def test_missing_data_is_told(tmp_path):
    wanted = dict(type="SyntheticFallback", real=ball(tmp_path), synthetic=FLIGHTS)
    told = described(dict(FLIGHTS, split="train"), wanted)
    assert told == "synthetic: simulated flights; synthetic (fallback: real data not found)"


def test_parts_of_one_source_are_told_once_at_any_depth():
    inner = dict(type="ConcatDataset", datasets=[FLIGHTS, dict(FLIGHTS, seed=1)])
    assert described(inner, dict(FLIGHTS, seed=2)) == "synthetic: simulated flights"


def test_what_is_common_stays_and_anything_else_has_to_be_the_same():
    parts = [dict(FLIGHTS, metainfo=dict(classes=name)) for name in ("a", "b")]
    dataset = DATASETS.build(dict(type="ConcatDataset", datasets=parts[:1] * 2))
    assert dataset.metainfo["classes"] == "a"
    assert len(dataset) == 4
    with pytest.raises(ValueError, match="does not match"):
        described(*parts)
