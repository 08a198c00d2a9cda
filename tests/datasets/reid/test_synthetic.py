from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from footmm.datasets import synthetic_folder
from footmm.datasets.reid.synthetic import SyntheticMarket1501Dataset, SyntheticReIDDataset
from footmm.datasets.transforms import LoadImageFromFile, PackReIDInputs
from footmm.errors import ConfigError
from footmm.simulation.export import soccernet_reid

SETTINGS = {
    "train_games": 1,
    "valid_games": 1,
    "test_games": 1,
    "challenge_games": 1,
    "actions_per_game": 1,
    "persons_per_action": (4, 4),
    "crops_per_person": (2, 2),
    "height_px": (40.0, 60.0),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    SyntheticReIDDataset(data_root=folder, settings=SETTINGS)
    return folder


def test_labels(root):
    pipeline = [LoadImageFromFile(), PackReIDInputs()]
    dataset = SyntheticReIDDataset(data_root=root, settings=SETTINGS, pipeline=pipeline)
    samples = [sample["data_samples"] for sample in dataset]
    assert len(samples) == 8
    assert dataset.num_identities == 4
    assert all(1.5 < s.gt_body_shape[0] < 2.1 for s in samples)
    assert dataset.metainfo["synthetic"] is True
    assert dataset.metainfo["data_source"] == "footmm synthetic players"


@pytest.mark.parametrize("split", ["valid", "test", "challenge"])
def test_other_splits(root, split):
    dataset = SyntheticReIDDataset(data_root=root, settings=SETTINGS, split=split, test_mode=True)
    roles = [dataset.get_data_info(i)["role"] for i in range(len(dataset))]
    assert (roles.count("query"), roles.count("gallery")) == (4, 4)


def test_the_same_players_in_the_layout_of_market1501(root):
    arguments = {"data_root": root / "market", "settings": SETTINGS}
    train = SyntheticMarket1501Dataset(**arguments)
    test = SyntheticMarket1501Dataset(**arguments, split="test", test_mode=True)
    assert (len(train), train.num_identities) == (8, 4)
    infos = [test.get_data_info(i) for i in range(len(test))]
    queries = {i["person_id"]: i["camera_id"] for i in infos if i["role"] == "query"}
    gallery = {i["person_id"]: i["camera_id"] for i in infos if i["role"] == "gallery"}
    assert queries.keys() == gallery.keys()
    assert set(queries.values()) == {1}
    assert 1 not in gallery.values()
    assert test.metainfo["synthetic"] is True

    soccernet = SyntheticReIDDataset(data_root=root, settings=SETTINGS)
    pictures = [
        sorted(Path(dataset.get_data_info(i)["img_path"]).read_bytes() for i in range(8))
        for dataset in (train, soccernet)
    ]
    assert pictures[0] == pictures[1]


def test_written_once(root):
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    SyntheticReIDDataset(data_root=root, settings=SETTINGS)
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before
    assert len(list(root.glob("reid-*"))) == 1


def test_other_settings_and_seeds_get_another_folder(root):
    def folder(**kwargs):
        dataset = SyntheticReIDDataset(data_root=root, lazy_init=True, **kwargs)
        return Path(dataset.data_root).name

    names = {
        folder(settings=SETTINGS),
        folder(settings=SETTINGS, seed=1),
        folder(settings=SETTINGS | {"occlusion": 0.5}),
    }
    assert len(names) == 3
    assert folder(settings=SETTINGS) == next(root.iterdir()).name


def test_other_ranks_wait_for_the_first(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(synthetic_folder, "is_main_process", lambda: False)
    monkeypatch.setattr(synthetic_folder, "barrier", lambda: calls.append("barrier"))

    def write(folder, *args, **kwargs):
        calls.append("write")
        raise InterruptedError

    monkeypatch.setattr(SyntheticReIDDataset, "export", staticmethod(write))
    with pytest.raises(InterruptedError):
        SyntheticReIDDataset(data_root=tmp_path, settings=SETTINGS)
    assert calls == ["barrier", "write"]


def test_a_killed_run_leaves_nothing_to_read(tmp_path, monkeypatch):
    draw, count = soccernet_reid.render_player_crop, iter(range(100))

    def fail_late(*args, **kwargs):
        if next(count) == 5:
            raise KeyboardInterrupt
        return draw(*args, **kwargs)

    monkeypatch.setattr(soccernet_reid, "render_player_crop", fail_late)
    with pytest.raises(KeyboardInterrupt):
        SyntheticReIDDataset(data_root=tmp_path, settings=SETTINGS)
    monkeypatch.setattr(soccernet_reid, "render_player_crop", draw)
    assert not any(path.name.startswith("reid-") for path in tmp_path.iterdir())
    assert len(SyntheticReIDDataset(data_root=tmp_path, settings=SETTINGS)) == 8


def _load(root, queue):
    dataset = SyntheticReIDDataset(
        data_root=root, settings=SETTINGS, pipeline=[LoadImageFromFile(), PackReIDInputs()]
    )
    queue.put(int(np.sum([sample["inputs"].sum() for sample in dataset])))


def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=_load, args=(tmp_path, queue)) for _ in range(3)]
    for process in processes:
        process.start()
    sums = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert len(sums) == 1
    assert [p.name[:5] for p in tmp_path.iterdir()] == ["reid-"]


def test_unknown_setting(tmp_path):
    with pytest.raises(ConfigError, match="games_to_train"):
        SyntheticReIDDataset(data_root=tmp_path, settings={"games_to_train": 3})
