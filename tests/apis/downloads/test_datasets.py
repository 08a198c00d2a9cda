"""The table of data sets: they go where the configs look, and words find them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from footmm.apis.downloads import DATASETS, TASKS, find_datasets
from footmm.apis.downloads.datasets import matches_with_360
from footmm.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("soccernet-calibration", "_base_/datasets/soccernet_calibration.py"),
        ("soccernet-reid", "_base_/datasets/soccernet_reid.py"),
        ("soccernet-tracking", "_base_/datasets/soccernet_tracking.py"),
        ("soccernet-tracking", "_base_/datasets/soccernet_ball.py"),
        ("synloc", "_base_/datasets/synloc_640.py"),
        ("synloc-4k", "_base_/datasets/synloc_640.py"),
        ("skillcorner", "_base_/datasets/skillcorner_tactics.py"),
        ("skillcorner", "trajectory/baller2vec_skillcorner.py"),
        ("statsbomb", "tactics/gat_bilstm_statsbomb.py"),
        ("sportec", "trajectory/baller2vec_sportec.py"),
        ("market1501", "_base_/datasets/market1501.py"),
    ],
)
def test_data_goes_where_the_configs_look(name, config):
    data_root = Path(Config.fromfile(CONFIGS / config).data_root)
    inside = {"skillcorner": "data/matches", "statsbomb": "data"}.get(name, "")
    assert data_root == Path("data", DATASETS[name].target, inside)


def test_every_task_has_data():
    assert TASKS == {
        "homography": ("soccernet-calibration",),
        "trajectory": ("skillcorner", "metrica"),
        "ball3d": ("soccernet-tracking",),
        "reid": ("soccernet-reid",),
        "detection": ("soccernet-tracking",),
        "tactics": ("skillcorner", "statsbomb"),
        "synloc": ("synloc",),
    }


def test_what_several_words_mean_is_fetched_once():
    names = [dataset.name for dataset in find_datasets(["detection", "ball3d", "market1501"])]
    assert names == ["soccernet-tracking", "market1501"]


def test_unknown_words():
    with pytest.raises(ConfigError, match=r"'skilcorner' is neither .* did you mean 'skillcorner'"):
        find_datasets(["skilcorner"])


def test_splits_are_folders_of_their_own():
    root = Path("data")
    assert DATASETS["soccernet-reid"].folder(root, "valid") == root / "soccernet/reid-2023/valid"
    assert DATASETS["synloc"].folder(root, "val") == root / "synloc/fullhd/val"
    assert DATASETS["synloc-4k"].folder(root, "train") == root / "synloc/4k/train"
    assert DATASETS["synloc"].folder(root, "annotations") == root / "synloc/annotations"
    assert DATASETS["market1501"].folder(root, "all") == root / "Market-1501-v15.09.15"
    assert DATASETS["skillcorner"].splits == DATASETS["market1501"].splits == ()


def test_of_statsbomb_matches_with_freeze_frames_are_wanted():
    paths = [
        "LICENSE.pdf",
        "data/competitions.json",
        "data/matches/55/43.json",
        "data/events/1.json",
        "data/events/2.json",
        "data/lineups/2.json",
        "data/three-sixty/2.json",
        "doc/a.pdf",
    ]
    assert list(matches_with_360(paths)) == [p for p in paths if p not in (paths[3], paths[7])]
