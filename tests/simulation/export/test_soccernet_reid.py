from __future__ import annotations

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from footmm.errors import ConfigError, DataFormatError
from footmm.simulation.appearance import Role
from footmm.simulation.export import (
    Observer,
    SoccerNetReIDExport,
    SoccerNetReIDExportSettings,
    export_soccernet_reid,
    soccernet_reid,
    write_folder,
)
from footmm.simulation.export.soccernet_reid import SPLITS

TINY = SoccerNetReIDExportSettings(
    seed=3,
    train_games=2,
    valid_games=1,
    test_games=1,
    challenge_games=1,
    actions_per_game=2,
    persons_per_action=(3, 5),
    crops_per_person=(2, 3),
    height_px=(30.0, 80.0),
)
NAME = re.compile(
    r"(?P<bbox_idx>\d+)-(?P<action_idx>\d+)-(?P<person_uid>\d+)-(?P<frame_idx>\d+)-"
    r"(?P<clazz>[A-Za-z_]+)-(?P<id>\d+|None)-(?P<UAI>\w+)-(?P<height>\d+)x(?P<width>\d+)\.png"
)
ANONYMOUS = re.compile(r"(?P<bbox_idx>\d+)-(?P<action_idx>\d+)-(?P<height>\d+)x(?P<width>\d+)\.png")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return export_soccernet_reid(tmp_path_factory.mktemp("data") / "players", TINY)


def _bytes(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def _info(root, split):
    return json.loads((root / split / f"{split}_bbox_info.json").read_text(encoding="utf-8"))


def _roles(split):
    return ("train",) if split == "train" else ("query", "gallery")


def _image_root(root, split, role):
    return root / split if role == "train" else root / split / role


class Impatient(Observer):
    def advances(self, num_items):
        raise KeyboardInterrupt


def test_bytes_depend_neither_on_the_number_of_workers_nor_on_the_folder(root, tmp_path):
    again = tmp_path / "deep" / "again"
    with pytest.raises(KeyboardInterrupt):
        write_folder(again, SoccerNetReIDExport(TINY), num_workers=2, observer=Impatient())
    assert 0 < len(list((again / "unfinished").rglob("*.png"))) < len(list(root.rglob("*.png")))
    write_folder(again, SoccerNetReIDExport(TINY))

    assert _bytes(again) == _bytes(root)
    assert sorted(p.name for p in again.parent.iterdir()) == ["again"]


def test_another_seed_gives_other_pictures(root, tmp_path):
    small = replace(TINY, train_games=1, valid_games=0, test_games=0, challenge_games=0)
    first = _bytes(export_soccernet_reid(tmp_path / "first", small))
    second = _bytes(export_soccernet_reid(tmp_path / "second", replace(small, seed=4)))

    assert not set(first.values()) & {v for k, v in second.items() if k.endswith(".png")}


@pytest.mark.parametrize("split", SPLITS)
def test_every_file_is_named_and_listed_as_in_the_real_data(root, split):
    pattern = ANONYMOUS if split == "challenge" else NAME
    info = _info(root, split)
    assert tuple(info) == _roles(split)
    for role in _roles(split):
        base = _image_root(root, split, role)
        files = sorted(base.rglob("*.png"))
        assert len(files) == len(info[role]) > 0
        for path in files:
            fields = pattern.fullmatch(path.name).groupdict()
            listed = info[role][fields["bbox_idx"]]
            assert {key: str(listed[key]) for key in fields} == fields
            assert path.parent == base / listed["relative_path"]
            # championship / season / game / action
            assert len(path.parent.relative_to(base).parts) == 4
            height, width = cv2.imread(str(path)).shape[:2]
            assert (height, width) == (listed["height"], listed["width"])


def test_labels_are_in_range(root):
    boxes = [
        box
        for split in ("train", "valid", "test")
        for boxes in _info(root, split).values()
        for box in boxes.values()
    ]

    for box in boxes:
        assert box["clazz"] in {role.value for role in Role}
        assert 1.5 < box["height_m"] < 2.1
        assert 0.8 < box["build"] < 1.4
        assert isinstance(box["jersey_visible"], bool)
        assert box["id"] != "None" or not box["jersey_visible"]
        assert 20 <= box["height"] <= 110


def test_the_challenge_tells_no_identities(root):
    for boxes in _info(root, "challenge").values():
        for box in boxes.values():
            assert set(box) == {"bbox_idx", "action_idx", "height", "width", "relative_path"}


@pytest.mark.parametrize("split", ["valid", "test"])
def test_every_query_is_of_the_main_camera_and_has_matches_in_its_action(root, split):
    info = _info(root, split)
    gallery = {}
    for box in info["gallery"].values():
        gallery.setdefault((box["action_idx"], box["person_uid"]), []).append(box["frame_idx"])

    assert {box["frame_idx"] for box in info["query"].values()} == {0}
    assert {(b["action_idx"], b["person_uid"]) for b in info["query"].values()} == set(gallery)
    for frames in gallery.values():
        assert 1 <= len(frames) <= 2
        assert 0 not in frames
        assert len(set(frames)) == len(frames)


def test_an_id_holds_inside_one_action_only(root):
    actions = {}
    for box in _info(root, "train")["train"].values():
        actions.setdefault(box["person_uid"], set()).add(box["action_idx"])

    assert all(len(seen) == 1 for seen in actions.values())


def test_matches_differ_between_splits(monkeypatch):
    drawn = []
    sample = soccernet_reid.sample_match_identities

    def record(rng):
        drawn.append(tuple(sample(rng)))
        return list(drawn[-1])

    monkeypatch.setattr(soccernet_reid, "sample_match_identities", record)
    for split in SPLITS:
        list(soccernet_reid._plan_split(split, TINY))

    people = [identity for match in drawn for identity in match]
    assert len(drawn) == 5
    assert len(set(people)) == len(people)


def test_more_games_in_one_split_leave_the_others_as_they_are():
    grown = replace(TINY, train_games=3)

    assert list(soccernet_reid._plan_split("test", grown)) == list(
        soccernet_reid._plan_split("test", TINY)
    )


def test_a_complete_folder_is_left_as_it_is(root, monkeypatch):
    monkeypatch.setattr(soccernet_reid, "render_player_crop", lambda *_: pytest.fail("drawn again"))

    assert export_soccernet_reid(root, TINY) == root


def test_a_folder_of_other_settings_is_refused(root):
    with pytest.raises(DataFormatError, match=r"players holds synthetic data of other settings"):
        export_soccernet_reid(root, replace(TINY, seed=9))


def test_a_folder_of_something_else_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(DataFormatError, match=r"no settings\.json in it"):
        export_soccernet_reid(tmp_path, TINY)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(soccernet_reid, "render_player_crop", fail)
    with pytest.raises(OSError, match="disk full"):
        export_soccernet_reid(tmp_path / "players", TINY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"persons_per_action": (5, 3)}, r"persons_per_action=\(5, 3\)"),
        ({"persons_per_action": (10, 26)}, r"between 1 and 25"),
        ({"crops_per_person": (1, 3)}, r"crops_per_person=\(1, 3\)"),
        ({"height_px": (5.0, 50.0)}, r"height_px=\(5.0, 50.0\)"),
        ({"train_games": -1}, r"train_games=-1: give 0 or more"),
        ({"occlusion": 1.5}, r"occlusion=1.5"),
    ],
)
def test_impossible_settings_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(TINY, **change)


def test_crops_of_a_person_are_seen_from_different_sides():
    azimuths = {}
    for crop in soccernet_reid._plan_split("test", replace(TINY, test_games=8)):
        azimuths.setdefault(crop.person_uid, []).append(crop.view.azimuth)
    turns = [np.angle(np.exp(1j * (a[1] - a[0]))) for a in azimuths.values()]

    assert np.median(np.abs(turns)) > 0.6
