"""Every reader, with files that are damaged in any way: a result that is whole, or footmm's error.

A reader is a class of ``DATASETS`` or a public function ``read_*``, ``load_*`` or ``open_*``; the
last test fails where one is not used here. More examples than in CI, and new ones at every run::

    HYPOTHESIS_PROFILE=thorough python -m pytest tests/test_damaged_files.py
"""

from __future__ import annotations

import ast
import codecs
import functools
import io
import json
import math
import pickle
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from mmengine.dataset import BaseDataset
from mmengine.logging import HistoryBuffer
from torch import nn

import footmm
from footmm.apis.archives import open_archive, pack_files
from footmm.apis.config import load_config
from footmm.apis.frames import FrameReader
from footmm.apis.predictions import load_predictions
from footmm.compat.checkpoints import check_checkpoint_fits, load_from_local
from footmm.datasets import ConcatDataset
from footmm.datasets.ball3d import HawkEyeBallDataset, SoccerNetBallDataset
from footmm.datasets.detection import (
    CocoDetectionDataset,
    MOTDataset,
    SoccerNetTrackingDataset,
    YOLODataset,
)
from footmm.datasets.homography import SoccerNetCalibrationDataset
from footmm.datasets.reid import Market1501Dataset, SoccerNetReIDDataset
from footmm.datasets.soccernet_cameras import read_cameras
from footmm.datasets.synloc import SynLocDataset
from footmm.datasets.tactics import StatsBombTacticsDataset, TacticsDataset, read_match_sheet
from footmm.datasets.trajectory import (
    SoccerNetGameStateTrajectories,
    SoccerNetTrackingTrajectories,
    TrackingDataset,
    TrajectoriesNpz,
    write_trajectories,
)
from footmm.datasets.trajectory.cache import cached_tracks
from footmm.datasets.trajectory.kloppy_tracking import read_tracking
from footmm.datasets.trajectory.preparation import RawTracks, prepare_tracks
from footmm.datasets.trajectory.simulated_match import read_simulated_match
from footmm.errors import FootmmError
from footmm.pitch.camera import Camera
from footmm.pitch.lens import PolynomialLens
from footmm.registry import DATASETS
from footmm.simulation.export.folder import write_folder
from footmm.simulation.export.soccernet_calibration import annotate_lines
from footmm.simulation.export.tracks_npz import TracksExport, TracksExportSettings
from footmm.structures.agent_tracks import AWAY, BALL, HOME, AgentTracks

pytestmark = pytest.mark.filterwarnings(
    "ignore:The pitch dimensions are required",
    "ignore:Could not determine orientation",
    "ignore:Duplicate name",
    "ignore:.*:RuntimeWarning",
)

PACKAGE = Path(footmm.__file__).parent
READING, FILES = ("read_", "load_", "open_"), {"path", "file", "files", "folder", "filename"}
"""How the names of functions that read files begin, and what they call their arguments."""
OF_OPTIONAL_PACKAGES = {"open_session"}

Draw = Callable[[st.SearchStrategy], Any]

# ---------------------------------------------------------------------------------------- damage

PREDICTIONS = "predictions.pkl"
ODD_FILES = [
    b"",
    b"\0" * 64,
    b"[" * 100_000,
    b"{}",
    b"[]",
    b"null",
    b"7",
    "é".encode("latin-1"),
    b"\xff\xfe\0",
    b"PK\x05\x06" + bytes(18),
    b"\x80\x04.",
]
ODD_TEXTS = [
    *(
        "nan",
        "inf",
        "-inf",
        "-1",
        "0",
        "1.5",
        "1e308",
        "-1e308",
        "1e999",
        "10000000000",
        "9" * 5000,
    ),
    *("", "x", "\0", "é", "\u0661", "'", "[", "{", ";", "=", "%", "&", ":", "- ", "../x", "a\nb"),
    *("2001-13-40", "!!python/name:os.system", "\ufeff"),
]
ODD_VALUES = [
    *(None, True, False, 0, -1, 1, 0.5, 1e308, -1e308, math.nan, math.inf, 10**10, 10**19, 10**400),
    *("", "x", "nan", "1", "\u0661", "\0", "\ud800", "../x", "a" * 5000),
    *([], {}, [[]], [1, 2], [[1, 2], [3, 4]], {"x": 1}, {"1": {}}),
]
_NUMBER_OR_WORD = re.compile(r"[\w.+-]+")


def _place(draw: Draw, count: int) -> int:
    return draw(st.integers(0, max(count - 1, 0)))


def _part(draw: Draw, count: int) -> slice:
    first, last = sorted((_place(draw, count + 1), _place(draw, count + 1)))
    return slice(first, last)


def _truncated(draw: Draw, content: bytes) -> bytes:
    return content[: _place(draw, len(content))]


def _without_a_part(draw: Draw, content: bytes) -> bytes:
    part = _part(draw, len(content))
    return content[: part.start] + content[part.stop :]


def _with_other_bytes(draw: Draw, content: bytes) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(draw(st.integers(1, 4))):
        changed[_place(draw, len(changed))] = draw(st.integers(0, 255))
    return bytes(changed)


def _odd_file(draw: Draw, _: bytes) -> bytes:
    return draw(st.sampled_from(ODD_FILES))


def _with_other_lines(draw: Draw, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    part, at = lines[_part(draw, len(lines))], _place(draw, len(lines) + 1)
    if draw(st.booleans()):
        return b"".join([*lines[:at], *part, *lines[at:]])
    return b"".join([line for line in lines if line not in part])


def _with_other_words(draw: Draw, content: bytes) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    words = list(_NUMBER_OR_WORD.finditer(text))
    if not words:
        return content
    word = words[_place(draw, len(words))]
    text = text[: word.start()] + draw(st.sampled_from(ODD_TEXTS)) + text[word.end() :]
    return text.encode("utf-8", "surrogateescape")


def _in_other_encoding(draw: Draw, content: bytes) -> bytes:
    text = content.decode("utf-8", "replace")
    encoding = draw(st.sampled_from(["utf-8-sig", "utf-16", "latin-1", "cp037"]))
    line_break = draw(st.sampled_from(["\n", "\r\n", "\r", "\u2028"]))
    return text.replace("\n", line_break).encode(encoding, "replace")


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Containers of a tree, each with a key of it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _nodes(value[key])


def _change_tree(draw: Draw, tree: Any) -> Any:
    """Replace, drop or repeat something in dicts and lists, or rename a key, in place."""
    nodes = list(_nodes(tree))
    odd = draw(st.sampled_from(ODD_VALUES))
    if not nodes:
        return odd
    container, key = nodes[_place(draw, len(nodes))]
    change = draw(st.sampled_from(["replace", "replace", "drop", "repeat", "empty"]))
    if change == "replace":
        container[key] = odd
    elif change == "drop":
        del container[key]
    elif change == "repeat":
        value = container[key]
        container.append(value) if isinstance(container, list) else container.update(odd_key=value)
    else:
        container.clear()
    return tree


def _with_other_values(draw: Draw, content: bytes) -> bytes:
    try:
        return json.dumps(_change_tree(draw, json.loads(content))).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        pass
    lines = content.splitlines() or [b"0"]
    at = _place(draw, len(lines))
    try:
        lines[at] = json.dumps(_change_tree(draw, json.loads(lines[at]))).encode()
    except (ValueError, RecursionError):
        return _with_other_words(draw, content)
    return b"\n".join(lines)


def _members(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _zipped(members: Sequence[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def _with_other_members(draw: Draw, content: bytes) -> bytes:
    """Damage inside an archive, whose checksums are right."""
    members = _members(content)
    at = _place(draw, len(members))
    name, inner = members[at]
    change = draw(st.sampled_from(["damage", "damage", "damage", "drop", "repeat", "rename"]))
    if change == "damage":
        members[at] = name, damaged(draw, inner, name)
    elif change == "drop":
        del members[at]
    elif change == "repeat":
        members.append((name, inner))
    else:
        members[at] = draw(st.sampled_from(["", "../x", "/x", "x/", name + "x", "é"])), inner
    return _zipped(members)


def _odd_array(draw: Draw, array: np.ndarray) -> np.ndarray:
    change = draw(st.sampled_from(["type", "fill", "one", "shorter", "flat", "empty", "odd"]))
    if change == "type":
        codes = ["?", "i1", "u8", "f2", "f8", "c16", "U3", "S3", "M8[s]", "V4"]
        array = np.resize(np.arange(7), array.shape).astype("i8")
        return array.astype(draw(st.sampled_from(codes)))
    if change in ("fill", "one") and array.dtype.kind in "iuf":
        is_whole = array.dtype.kind != "f"
        array = array.astype(np.uint64 if is_whole and (array >= 0).all() else np.float64)
        numbers = [0, 3, 127, 2**63] if is_whole else [math.nan, -math.inf, 0.0, -1.0, 3e38, 1e308]
        place = ... if change == "fill" or not array.size else _place(draw, array.size)
        array.reshape(-1)[place] = draw(st.sampled_from(numbers))
        return array
    if change == "shorter":
        return array[:-1] if array.ndim else array[None]
    if change == "flat":
        return array.reshape(-1)
    return array[:0] if change == "empty" and array.ndim else np.array("x")


def _with_other_arrays(draw: Draw, content: bytes) -> bytes:
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    name = draw(st.sampled_from(sorted(arrays)))
    arrays[name] = _odd_array(draw, arrays[name])
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _with_other_objects(draw: Draw, content: bytes) -> bytes:
    """A pickle, or a checkpoint, of something else."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return pickle.dumps(_change_tree(draw, pickle.loads(content)))
    tree = torch.load(io.BytesIO(content), weights_only=False)
    file = io.BytesIO()
    torch.save(_change_tree(draw, tree), file)
    return file.getvalue()


def damaged(draw: Draw, content: bytes, name: str) -> bytes:
    """Return a file's content with damage that its kind can have."""
    ways = [_truncated, _without_a_part, _with_other_bytes, _odd_file]
    suffix = Path(name).suffix
    if zipfile.is_zipfile(io.BytesIO(content)):
        ways += [_with_other_members] * 3
    if suffix == ".npz":
        ways += [_with_other_arrays] * 6
    # The pickle inside a checkpoint refers to the files beside it.
    if suffix == ".pth" or name == PREDICTIONS:
        ways += [_with_other_objects] * 4
    if suffix in (".json", ".jsonl", ".ball"):
        ways += [_with_other_values] * 8
    if b"\0" not in content:
        ways += [_with_other_words] * 4 + [_with_other_lines] * 2 + [_in_other_encoding]
    return draw(st.sampled_from(ways))(draw, content)


def damage(draw: Draw, folder: Path) -> None:
    """Damage a file of a folder, or its place."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[_place(draw, len(files))]
    way = draw(st.sampled_from(["content"] * 12 + ["missing", "folder", "renamed", "twice"]))
    note(f"{way} of {path.relative_to(folder)}")
    if way == "content":
        content = damaged(draw, path.read_bytes(), path.name)
        note(f"content: {content[:3000]!r}")
        path.write_bytes(content)
        return
    stems = ["x", "0", "-1", "é", "x" * 200, "1" * 100, path.stem + "0" * 40, path.stem + "0"]
    name = draw(st.sampled_from(stems)) + path.suffix
    if way == "twice":
        shutil.copy(path, path.with_name(name))
        return
    path.rename(path.with_name(name))
    if way == "folder":
        path.mkdir()
    if way in ("missing", "folder"):
        path.with_name(name).unlink()


# ------------------------------------------------------------------------------------- the readers


#: Reading takes as long as it takes, on any machine.
ANY_SPEED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
TEXT_SUFFIXES = (".json", ".txt", ".ini", ".yaml", ".csv", ".ball")


@dataclass(frozen=True)
class Reader:
    """What is read, and what of it is known.

    Attributes:
        write: Writes valid files into a folder.
        read: Reads all files of the folder; gives dicts, data classes or arrays.
        shapes: Shapes of arrays by their key; equal letters are equal lengths.
        may_be_nan: Keys of arrays with nan where something is not known.
        is_text: Whether the files are text that footmm reads itself.
    """

    write: Callable[[Path], None]
    read: Callable[[Path], Sequence[Any]]
    shapes: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    may_be_nan: tuple[str, ...] = ()
    is_text: bool = False


def samples_of(dataset: BaseDataset, count: int = 12) -> list[dict]:
    return [dataset.get_data_info(index) for index in range(min(len(dataset), count))]


def write_image(path: Path, width: int = 96, height: int = 54) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_text(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


CAMERA = Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 2000.0, (960, 540))
WINDOW = dict(num_frames=4, num_observed=2, stride=2, min_agents=1, serialize_data=False)
WINDOW_SHAPES = {
    "positions": ("T", 23, 2),
    "present": ("T", 23),
    "team": (23,),
    "goalkeeper": (23,),
    "frame_ids": ("T",),
    "pitch_size": (2,),
}


def write_calibration(folder: Path) -> None:
    camera = Camera.look_at([5.0, -60.0, 15.0], [40.0, 0.0, 0.0], 1500.0, (960, 540))
    for stem in ("00000", "00001"):
        write_image(folder / "train" / f"{stem}.jpg")
        lines = annotate_lines(camera)
        write_json(folder / "train" / f"{stem}.json", dict(list(lines.items())[:4]))
        write_json(folder / "cameras" / "train" / f"camera_{stem}.json", camera.to_soccernet())


def read_calibration(folder: Path) -> list[dict]:
    datasets = [
        SoccerNetCalibrationDataset(folder, "train", test_mode=test_mode, serialize_data=False)
        for test_mode in (False, True)
    ]
    return [sample for dataset in datasets for sample in samples_of(dataset)]


def write_sequence(folder: Path) -> None:
    sequence = folder / "train" / "SNMOT-060"
    info = dict(name="SNMOT-060", imDir="img1", frameRate=25, seqLength=6, imWidth=1920)
    info |= dict(imHeight=1080, imExt=".jpg")
    write_text(sequence / "seqinfo.ini", ["[Sequence]", *(f"{k}={v}" for k, v in info.items())])
    who = ["player team left;10", "ball;1", "goalkeeper team right;1", "referee;2", "other;3"]
    tracks = [f"trackletID_{number}= {text}" for number, text in enumerate(who, start=1)]
    write_text(sequence / "gameinfo.ini", ["[Sequence]", *tracks])
    lines = [f"{frame},{track},{800 + 40 * track},400,40,90,1,-1,-1,-1"
             for track in (1, 3, 4, 5) for frame in range(1, 7)]  # fmt: skip
    lines += [f"{frame},2,{900 + frame},500,16,9,1,{frame / 10},2.0,0.5" for frame in range(1, 7)]
    write_text(sequence / "gt" / "gt.txt", lines)
    for frame in (1, 2, 3, 4, 6):
        path = folder / "cameras" / "SNMOT-060" / f"camera_{frame:06d}.json"
        write_json(path, CAMERA.to_soccernet())


def read_detections_of_sequence(folder: Path) -> list[dict]:
    soccernet = SoccerNetTrackingDataset(folder, "train", serialize_data=False)
    return samples_of(soccernet) + samples_of(MOTDataset(folder / "train", serialize_data=False))


def read_ball_of_sequence(folder: Path) -> list[dict]:
    cameras = str(folder / "cameras" / "{sequence}")
    settings = dict(num_frames=3, num_future=2, stride=1, serialize_data=False)
    return samples_of(SoccerNetBallDataset(folder, cameras, "train", **settings))


def read_tracks_of_sequence(folder: Path) -> list[dict]:
    cameras = str(folder / "cameras" / "{sequence}")
    dataset = SoccerNetTrackingTrajectories(folder / "train", cameras, rate=25.0, **WINDOW)
    return samples_of(dataset)


def write_found_cameras(folder: Path) -> None:
    frames = {
        f"{frame:06d}.jpg": dict(camera=CAMERA.to_soccernet() if frame % 2 else None)
        for frame in range(1, 4)
    }
    write_json(folder / "cameras.json", dict(frames=frames))


def read_found_cameras(folder: Path) -> list[Any]:
    cameras = read_cameras(folder / "cameras.json", (1920, 1080))
    return [camera.to_arrays() for camera in cameras.values()]


def game_state_entry(frame: int, track: int, role: str, team: str | None) -> dict:
    return dict(
        image_id=f"2060{frame:06d}",
        track_id=track,
        supercategory="object",
        attributes=dict(role=role, team=team, jersey=None),
        bbox_pitch=dict(x_bottom_middle=track + frame / 10, y_bottom_middle=2.0 * track),
    )


def write_game_states(folder: Path) -> None:
    cast = {1: ("ball", None), 2: ("player", "left"), 3: ("goalkeeper", "right")}
    entries = [game_state_entry(f, track, *cast[track]) for f in range(1, 7) for track in cast]
    flags = {f"has_labeled_{what}": True for what in ("person", "pitch", "camera")}
    images = [dict(image_id=f"2060{frame:06d}", **flags) for frame in range(1, 7)]
    info = dict(frame_rate=25, seq_length="6")
    content = dict(info=info, images=images, annotations=entries)
    write_json(folder / "SNGS-060" / "Labels-GameState.json", content)
    write_json(folder / "SNGS-061.json", dict(predictions=entries))


def read_game_states(folder: Path) -> list[dict]:
    return samples_of(SoccerNetGameStateTrajectories(folder, rate=25.0, **WINDOW))


def write_yolo(folder: Path) -> None:
    for name in ("a", "b"):
        write_image(folder / "train" / "images" / f"{name}.png")
        write_text(folder / "train" / "labels" / f"{name}.txt", ["1 0.5 0.5 0.2 0.4", "0 1 1 2 1"])
    content = ["path: .", "train: ../train/images", "nc: 3", "names: ['ball', 'player', 'tree']"]
    write_text(folder / "data.yaml", content)


def read_yolo(folder: Path) -> list[dict]:
    return samples_of(YOLODataset(folder, "train", serialize_data=False))


def write_coco(folder: Path) -> None:
    images = [dict(id=i, file_name=f"{i}.png", width=96, height=54) for i in (1, 2)]
    for image in images:
        write_image(folder / "train" / image["file_name"])
    box = dict(bbox=[10, 5, 20, 30.5], area=610.0, iscrowd=0, occluded_share=0.2)
    annotations = [dict(id=i, image_id=1 + i % 2, category_id=1 + i % 3, **box) for i in range(4)]
    names = {1: "player", 2: "ball", 3: "tree"}
    categories = [dict(id=number, name=name) for number, name in names.items()]
    content = dict(images=images, annotations=annotations, categories=categories)
    write_json(folder / "annotations" / "train.json", content)


def read_coco(folder: Path) -> list[dict]:
    return samples_of(CocoDetectionDataset(folder, "train", serialize_data=False))


def write_synloc(folder: Path) -> None:
    lens = PolynomialLens(torch.tensor([1.0, 0.0]).double(), torch.tensor([1.0, 0.0]).double())
    camera = Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 3840.0, (3840, 2160), lens=lens)
    view = dict(width=3840, height=2160, **camera.to_synloc())
    images = [dict(id=i, file_name=f"{i}.jpg", **view) for i in (1, 2)]
    for image in images:
        write_image(folder / "fullhd" / "train" / image["file_name"])
    place = dict(keypoints=[[20, 30, 2], [20, 40, 1]], position_on_pitch=[1.0, 2.0])
    athletes = [dict(id=i, image_id=1, bbox=[10, 5, 20, 30], area=600, **place) for i in (1, 2)]
    content = dict(images=images, annotations=athletes, categories=[dict(id=1, name="person")])
    write_json(folder / "annotations" / "train.json", content)


def read_synloc(folder: Path) -> list[dict]:
    return samples_of(SynLocDataset(folder, "train", serialize_data=False))


def write_market(folder: Path) -> None:
    for part in ("bounding_box_train", "query", "bounding_box_test"):
        for name in ("0002_c1s1_000451_03", "0007_c2s1_000451_03", "-1_c2s1_000451_03"):
            write_image(folder / part / f"{name}.jpg", 8, 16)


def read_market(folder: Path) -> list[dict]:
    train = samples_of(Market1501Dataset(folder, "train", serialize_data=False))
    test = Market1501Dataset(folder, "test", test_mode=True, serialize_data=False)
    return train + samples_of(test)


def write_soccernet_reid(folder: Path) -> None:
    game = "england_epl/2014-2015/game"
    boxes = {
        "train": {0: 1000, 1: 1001, 2: 1000},
        "test/query": {0: 70},
        "test/gallery": {0: 70, 1: 71},
    }
    info: dict[str, dict] = {}
    for part, persons in boxes.items():
        for box, person in persons.items():
            name = f"{box}-5-{person}-1-Player_team_left-9-005r00{box}-40x20.png"
            write_image(folder / part / game / "5" / name, 8, 16)
        info[part] = {
            str(box): dict(bbox_idx=box, action_idx=5, person_uid=person, id="9", height_m=1.8)
            | dict(build=0.5, jersey_visible=True)
            for box, person in persons.items()
        }
    write_json(folder / "train" / "train_bbox_info.json", info["train"])
    content = dict(query=info["test/query"], gallery=info["test/gallery"])
    write_json(folder / "test" / "bbox_info.json", content)


def read_soccernet_reid(folder: Path) -> list[dict]:
    train = samples_of(SoccerNetReIDDataset(folder, "train", serialize_data=False))
    test = SoccerNetReIDDataset(folder, "test", test_mode=True, serialize_data=False)
    return train + samples_of(test)


def some_tracks(name: str = "7") -> AgentTracks:
    present = np.ones((8, 3), bool)
    present[2, 1] = False
    positions = np.arange(48, dtype=np.float32).reshape(8, 3, 2) * present[..., None]
    return AgentTracks(
        match=name,
        source="skillcorner",
        rate=6.25,
        positions=positions,
        present=present,
        team=np.array([HOME, AWAY, BALL], np.int8),
        goalkeeper=np.array([True, False, False]),
        agent_ids=("7", "é", "ball"),
        frame_ids=np.arange(8),
        period=np.ones(8, np.int8),
        segments=np.array([[0, 5], [5, 8]]),
    )


def write_npz(folder: Path) -> None:
    write_trajectories(folder / "trajectories.npz", [some_tracks("7"), some_tracks("8")])


def read_npz(folder: Path) -> list[dict]:
    return samples_of(TrajectoriesNpz(folder / "trajectories.npz", **WINDOW))


TRACKS_EXPORT = TracksExport(TracksExportSettings(num_matches=1, minutes=0.02, rate=10.0))


def write_simulated_match(folder: Path) -> None:
    write_folder(folder, TRACKS_EXPORT)


def read_simulated(folder: Path) -> list[RawTracks]:
    return [prepare_tracks(read_simulated_match(folder / "match_00000.npz"), 10.0)]


def read_export(folder: Path) -> list[Any]:
    write_folder(folder, TRACKS_EXPORT)
    return []


def skillcorner_frame(number: int, period: int) -> dict:
    players = [
        dict(player_id=10 * team + i, x=20 * team - 30 + 0.3 * number, y=5.0 * i, is_detected=True)
        for team in (1, 2)
        for i in range(3)
    ]
    seconds = number / 10 + (period - 1) * 2700
    return dict(
        frame=1000 * period + number,
        timestamp=f"{seconds // 3600:02.0f}:{seconds // 60 % 60:02.0f}:{seconds % 60:05.2f}",
        period=period,
        possession=dict(group=None),
        ball_data=dict(x=0.3 * number, y=1.0, z=0.2, is_detected=number % 2 == 0),
        player_data=players,
    )


def write_skillcorner(folder: Path) -> None:
    players = [
        dict(id=10 * team + i, trackable_object=10 * team + i, team_id=team, number=i,
             first_name="f", last_name="l", start_time="00:00:00", player_role=dict(id=i))
        for team in (1, 2) for i in range(3)
    ]  # fmt: skip
    teams = dict(home_team=dict(id=1, name="h"), away_team=dict(id=2, name="a"))
    scores = dict(home_team_score=0, away_team_score=0, home_team_coach=None, away_team_coach=None)
    ball = dict(ball=dict(trackable_object=99), referees=[], pitch_length=104, pitch_width=67)
    write_json(folder / "7.json", dict(id=7, players=players, **teams, **scores, **ball))
    frames = [skillcorner_frame(number, period) for period in (1, 2) for number in range(10)]
    write_text(folder / "7.jsonl", [json.dumps(frame) for frame in frames])


SKILLCORNER_FILES = dict(meta_data="{match}.json", raw_data="{match}.jsonl")


@contextmanager
def skillcorner_config(folder: Path, **changes: Any) -> Iterator[dict]:
    """Config of the dataset, whose cache lies elsewhere."""
    config = dict(provider="skillcorner", matches=["7"], files=SKILLCORNER_FILES, rate=10.0)
    with tempfile.TemporaryDirectory() as cache:
        yield config | dict(data_root=str(folder), cache_dir=cache) | WINDOW | changes


def read_skillcorner(folder: Path) -> list[dict]:
    with skillcorner_config(folder) as config:
        samples = samples_of(TrackingDataset(**config))
    with skillcorner_config(folder, detected_only=False) as config:
        return samples + samples_of(TrackingDataset(**config))


def read_labelled_tracks(folder: Path) -> list[dict]:
    sheets = dict(provider="skillcorner", files=SKILLCORNER_FILES)
    with skillcorner_config(folder) as config:
        tracks = dict(type="TrackingDataset", **config)
        dataset = TacticsDataset(tracks, sheets, data_root=folder, serialize_data=False)
        return samples_of(dataset)


def write_last_row(folder: Path) -> None:
    rows = [
        f"{player},{frame},{20 + player + frame / 10},50,0,{team}"
        for player, team in ((0, ""), (7, "attack"), (12, "defense"))
        for frame in range(6)
    ]
    write_text(folder / "play.csv", ["player,frame,x,y,z,team", *rows])


def read_play(folder: Path) -> list[dict]:
    with tempfile.TemporaryDirectory() as cache:
        matches = [dict(raw_data="play.csv")]
        dataset = TrackingDataset(folder, "lastrow", matches, rate=20.0, cache_dir=cache, **WINDOW)
        return samples_of(dataset)


def statsbomb_event(index: int, name: str, team: int, second: int = 0, **more: Any) -> dict:
    number = {"Starting XI": 35, "Half Start": 18, "Pressure": 17, "Half End": 34}[name]
    return dict(
        id=f"event-{index}",
        index=index,
        period=1,
        timestamp=f"00:00:{second:02d}.000",
        minute=0,
        second=second,
        type=dict(id=number, name=name),
        possession=1 + index // 4,
        possession_team=dict(id=1, name="h"),
        play_pattern=dict(id=1, name="From Corner" if index < 8 else "From Counter"),
        team=dict(id=team, name="ha"[team - 1]),
        **more,
    )


def write_statsbomb(folder: Path) -> None:
    events, lineups, frames = [], [], []
    for team in (1, 2):
        eleven = [
            dict(player=dict(id=10 * team + i, name="n"), position=dict(id=1 + 3 * i, name="p"),
                 jersey_number=i)
            for i in range(3)
        ]  # fmt: skip
        tactics = dict(formation=442, lineup=eleven)
        events.append(statsbomb_event(team, "Starting XI", team, tactics=tactics))
        names = dict(player_name="n", player_nickname=None, country=dict(id=1, name="c"))
        players = [dict(player_id=10 * team + i, jersey_number=i, **names) for i in range(3)]
        lineups.append(dict(team_id=team, team_name="ha"[team - 1], lineup=players))
    events += [statsbomb_event(2 + team, "Half Start", team) for team in (1, 2)]
    for index in range(5, 12):
        team = 1 + index % 2
        where = dict(player=dict(id=10 * team + 1, name="n"), location=[60.5, 40.0 + index])
        events.append(statsbomb_event(index, "Pressure", team, index, **where))
        seen = [
            dict(teammate=i < 3, actor=i == 0, keeper=i == 3, location=[50.5 + 5 * i, 20.0 + i])
            for i in range(5)
        ]
        frames.append(dict(event_uuid=f"event-{index}", visible_area=[], freeze_frame=seen))
    events += [statsbomb_event(11 + team, "Half End", team, 30) for team in (1, 2)]
    write_json(folder / "events.json", events)
    write_json(folder / "lineups.json", lineups)
    write_json(folder / "frames.json", frames)


STATSBOMB_FILES = dict(event_data="events.json", lineup_data="lineups.json")


def read_statsbomb(folder: Path) -> list[dict]:
    files = STATSBOMB_FILES | dict(three_sixty_data="frames.json")
    window = dict(num_frames=4, num_observed=3, stride=2, serialize_data=False)
    samples = samples_of(StatsBombTacticsDataset(folder, ["7"], files, **window))
    sheet = {key: folder / name for key, name in STATSBOMB_FILES.items()}
    return samples + read_sheet("statsbomb", sheet)


def write_hawkeye(folder: Path) -> None:
    samples = [dict(pos=[0.1 * i, 0.0, 0.11], time=i / 50) for i in range(12)]
    write_json(folder / "a.samples.ball", dict(samples=dict(ball=samples)))
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "a.samples.ball", "inner/a.samples.ball")


def read_hawkeye(folder: Path) -> list[dict]:
    window = dict(num_frames=4, num_future=2, rate=50.0, stride=3, serialize_data=False)
    paths = (folder / "a.samples.ball", folder / "a.zip")
    return [
        sample
        for path in paths
        for sample in samples_of(HawkEyeBallDataset(path, **window), count=1)
    ]


def write_archive(folder: Path) -> None:
    content = pack_files({"a/1.txt": b"one" * 50, "2.bin": bytes(range(256)), "empty": b""})
    (folder / "a.zip").write_bytes(content)


def read_archive(folder: Path) -> list[bytes]:
    with tempfile.TemporaryDirectory() as out, open_archive(folder / "a.zip") as archive:
        archive.extract({name: Path(out, "x", name) for name in archive.sizes})
        assert {path.name for path in Path(out).iterdir()} <= {"x"}
        return [archive.read(name) for name in archive.sizes]


def write_predictions(folder: Path) -> None:
    sample = dict(img_path="a.jpg", sample_id=1, scores=torch.ones(3), boxes=np.zeros((3, 4)))
    (folder / PREDICTIONS).write_bytes(pickle.dumps([sample, dict(sample)]))


def read_predictions(folder: Path) -> list[dict]:
    samples = load_predictions(folder / PREDICTIONS, ["img_path", "scores"])
    assert all("scores" in sample for sample in samples)
    return []


def write_checkpoint(folder: Path) -> None:
    buffer = HistoryBuffer([1.0, 2.0], [1, 1])
    meta = {"epoch": 1, "experiment_name": "x", "loss": np.float64(0.5)}
    content = dict(state_dict=dict(nn.Linear(2, 2).state_dict()), meta=meta, message_hub=buffer)
    torch.save(content, folder / "epoch_1.pth")


def read_checkpoint(folder: Path) -> list[Any]:
    model = nn.Linear(2, 2)
    checkpoint = load_from_local(str(folder / "epoch_1.pth"))
    check_checkpoint_fits(checkpoint, model, folder / "epoch_1.pth")
    model.load_state_dict(checkpoint.get("state_dict", checkpoint), strict=False)
    return []


def write_config(folder: Path) -> None:
    text = ["data_root = 'data'", "batch_size = 4", "model = dict(type='X', root=data_root)"]
    write_text(folder / "_base_" / "base.py", text)
    loader = "train_dataloader = dict(batch_size=batch_size, workers=[1, 2.5])"
    write_text(folder / "a.py", ["_base_ = ['_base_/base.py']", "batch_size = 2", loader])


def read_config(folder: Path) -> list[Any]:
    load_config(folder / "a.py")
    config = load_config(folder / "a.py", {"batch_size": 8, "model.type": "Y"})
    assert config.model.type == "Y"
    return []


def write_frames(folder: Path) -> None:
    for name in ("1.png", "2.jpg"):
        write_image(folder / "images" / name)
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(folder / "video.avi"), fourcc, 25.0, (96, 54))
    for value in (0, 100, 200):
        video.write(np.full((54, 96, 3), value, np.uint8))
    video.release()


def read_frames(folder: Path) -> list[np.ndarray]:
    frames = []
    for inputs in (folder / "images", folder / "video.avi"):
        reader = FrameReader(inputs)
        assert reader.rate is None or reader.rate > 0
        frames += [frame.image for frame in reader]
    assert all(image.dtype == np.uint8 and image.ndim == 3 for image in frames)
    return frames


BOXES = {"bbox": (4,)}
BALL_SHAPES = {
    "positions": ("T", 3),
    "velocities": ("T", 3),
    "detected": ("T",),
    "points": ("T", 2),
    "has_position": ("T",),
    "future_positions": ("F", 3),
    "has_future": ("F",),
    "true_points": ("T", 2),
}
LABEL_SHAPES = {"role": ("A",), "has_role": ("A",), "formation": (2,), "strategy": ("T", 2)}
SYNLOC_SHAPES = {
    "bbox": ("N", 4),
    "keypoints": ("N", 2, 2),
    "keypoints_visible": ("N", 2),
    "area": ("N",),
    "positions": ("N", 2),
    "ground_truth_ids": ("N",),
}
CALIBRATION_SHAPES = {
    "keypoints": (1, 29, 2),
    "keypoints_visible": (1, 29, 2),
    "ground_truth_homography": (3, 3),
}
READERS = {
    "SoccerNet calibration": Reader(
        write_calibration,
        read_calibration,
        CALIBRATION_SHAPES,
        ("keypoints", "ground_truth_keypoints"),
        is_text=True,
    ),
    "boxes of sequences": Reader(write_sequence, read_detections_of_sequence, BOXES, is_text=True),
    "ball of sequences": Reader(write_sequence, read_ball_of_sequence, BALL_SHAPES, is_text=True),
    "tracks of sequences": Reader(
        write_sequence, read_tracks_of_sequence, WINDOW_SHAPES, is_text=True
    ),
    "cameras": Reader(write_found_cameras, read_found_cameras, is_text=True),
    "game states": Reader(write_game_states, read_game_states, WINDOW_SHAPES, is_text=True),
    "YOLO": Reader(write_yolo, read_yolo, BOXES, is_text=True),
    "COCO": Reader(write_coco, read_coco, BOXES, is_text=True),
    "SynLoc": Reader(write_synloc, read_synloc, SYNLOC_SHAPES, is_text=True),
    "Market-1501": Reader(write_market, read_market),
    "SoccerNet-ReID": Reader(write_soccernet_reid, read_soccernet_reid, is_text=True),
    "trajectories": Reader(write_npz, read_npz, WINDOW_SHAPES),
    "simulated match": Reader(write_simulated_match, read_simulated),
    "export": Reader(write_simulated_match, read_export),
    "SkillCorner": Reader(write_skillcorner, read_skillcorner, WINDOW_SHAPES),
    "labelled tracks": Reader(
        write_skillcorner, read_labelled_tracks, WINDOW_SHAPES | LABEL_SHAPES
    ),
    "Last Row": Reader(write_last_row, read_play, WINDOW_SHAPES, is_text=True),
    "StatsBomb": Reader(write_statsbomb, read_statsbomb, WINDOW_SHAPES | LABEL_SHAPES),
    "Hawk-Eye": Reader(write_hawkeye, read_hawkeye, BALL_SHAPES, is_text=True),
    "archive": Reader(write_archive, read_archive),
    "predictions": Reader(write_predictions, read_predictions),
    "checkpoint": Reader(write_checkpoint, read_checkpoint),
    "config": Reader(write_config, read_config),
    "frames": Reader(write_frames, read_frames),
}


def read_provider(provider: str, files: Mapping[str, Path]) -> list[Any]:
    raw = read_tracking(provider, files)
    # Positions are looked at when tracks are prepared.
    return [replace(raw, positions=raw.present)]


def read_sheet(provider: str, files: Mapping[str, Path]) -> list[Any]:
    sheet = read_match_sheet(provider, files)
    labels = sheet.labels(1, np.arange(4.0), [*sheet.players, ""], 4, 2)
    return [labels, sheet.labels(1, None, [*sheet.players], 4, 2)]


REAL_FILES = {
    "Metrica EPTS": (
        "metrica_epts",
        dict(meta_data="epts_metrica_metadata.xml", raw_data="epts_metrica_tracking.txt"),
        read_provider,
    ),
    "Metrica csv": (
        "metrica_csv",
        dict(home_data="metrica_home.csv", away_data="metrica_away.csv"),
        read_provider,
    ),
    "Tracab": (
        "tracab",
        dict(meta_data="tracab_meta.xml", raw_data="tracab_raw.dat"),
        read_provider,
    ),
    "Sportec": (
        "sportec",
        dict(meta_data="sportec_meta.xml", raw_data="sportec_positional.xml"),
        read_provider,
    ),
    "Signality": (
        "signality",
        dict(
            meta_data="signality_meta_data.json",
            venue_information="signality_venue_information.json",
            raw_data_feeds="signality_p1_raw_data_subset.json",
        ),
        read_provider,
    ),
    "Sportec's sheet": (
        "sportec",
        dict(event_data="sportec_events.xml", meta_data="sportec_meta.xml"),
        read_sheet,
    ),
}


def instead(old: str, new: str) -> Callable[[bytes], bytes]:
    """Put a text in the place of another one, where that comes first."""
    return lambda content: content.replace(old.encode(), new.encode(), 1)


def with_arrays(**changed: Any) -> Callable[[bytes], bytes]:
    """Put arrays in the place of others; ``0__positions`` stands for ``0/positions``."""

    def change(content: bytes) -> bytes:
        arrays = dict(np.load(io.BytesIO(content)))
        file = io.BytesIO()
        np.savez(file, **arrays | {name.replace("__", "/"): each for name, each in changed.items()})
        return file.getvalue()

    return change


def with_member(name: str, inner: bytes) -> Callable[[bytes], bytes]:
    return lambda content: _zipped([*(m for m in _members(content) if m[0] != name), (name, inner)])


def saved(**changed: Any) -> Callable[[bytes], bytes]:
    """Change entries of a checkpoint."""

    def change(content: bytes) -> bytes:
        file = io.BytesIO()
        torch.save(torch.load(io.BytesIO(content), weights_only=False) | changed, file)
        return file.getvalue()

    return change


FAR = np.where(some_tracks().present[..., None], 1e308, np.zeros(2))
INFO, BOXES_OF_TRACKS = "train/SNMOT-060/seqinfo.ini", "train/SNMOT-060/gt/gt.txt"
BOX_INFO, BALL_FILE = "train/train_bbox_info.json", "a.samples.ball"
#: Reader, file and damage by what each of them is.
ONCE_MISSED: dict[str, tuple[str, str, Callable[[bytes], bytes]]] = {
    "brackets without end": ("cameras", "cameras.json", lambda _: b"[" * 100_000),
    "5000 digits": ("cameras", "cameras.json", lambda _: b'{"a": ' + b"9" * 5000 + b"}"),
    "focal length of 0": ("cameras", "cameras.json", instead('length": 2000.0', 'length": 0')),
    "endless focal length": (
        "cameras",
        "cameras.json",
        instead('length": 2000.0', 'length": 1e308'),
    ),
    "angle that is nan": (
        "cameras",
        "cameras.json",
        instead('pan_degrees": 0.0', 'pan_degrees": NaN'),
    ),
    "angle that is a list": (
        "cameras",
        "cameras.json",
        instead('pan_degrees": 0.0', 'pan_degrees": [[]]'),
    ),
    "point with lists": (
        "SoccerNet calibration",
        "train/00000.json",
        lambda _: b'{"Middle line": [{"x": [0.1, 0.2], "y": [0.3, 0.4]}]}',
    ),
    "endless sequence": ("tracks of sequences", INFO, instead("seqLength=6", "seqLength=1e12")),
    "endless rate": ("ball of sequences", INFO, instead("frameRate=25", "frameRate=1e308")),
    "endless image": ("ball of sequences", INFO, instead("imWidth=1920", "imWidth=1e308")),
    "folder of a name too long": ("YOLO", "data.yaml", instead("../train", "x" * 5000)),
    "half an image": ("boxes of sequences", INFO, instead("imWidth=1920", "imWidth=0.5")),
    "ball beyond float32": ("ball of sequences", BOXES_OF_TRACKS, instead("0.1,2.0", "1e300,2.0")),
    "endless track": ("boxes of sequences", BOXES_OF_TRACKS, instead("1,1,840", "1,1e30,840")),
    "endless game": ("game states", "SNGS-060/Labels-GameState.json", instead('"6"', '"1e12"')),
    "track of 30 digits": ("game states", "SNGS-061.json", instead('id": 1,', f'id": {10**30},')),
    "date that is none": ("YOLO", "data.yaml", instead("nc: 3", "nc: 2001-13-40")),
    "box of 400 digits": ("COCO", "annotations/train.json", instead("[10, 5", f"[{10**400}, 5")),
    "id of 30 digits": (
        "SynLoc",
        "annotations/train.json",
        instead('"id": 1, "image_id"', f'"id": {10**30}, "image_id"'),
    ),
    "person that is a list": ("SoccerNet-ReID", BOX_INFO, instead('uid": 1000', 'uid": [[]]')),
    "height that is nan": ("SoccerNet-ReID", BOX_INFO, instead("1.8", "NaN")),
    "positions beyond float32": (
        "trajectories",
        "trajectories.npz",
        with_arrays(**{"0__positions": FAR}),
    ),
    "bytes for an array": ("trajectories", "trajectories.npz", with_member("rate.npy", b"x")),
    "archive behind an array": (
        "trajectories",
        "trajectories.npz",
        lambda content: dict(_members(content))["rate.npy"] + content,
    ),
    "header without end": (
        "trajectories",
        "trajectories.npz",
        with_member("rate.npy", b"\x93NUMPY\x01\0\x12\0{'descr': '<f8',  (\n"),
    ),
    "settings without end": ("export", "settings.json", lambda _: b"[" * 100_000),
    "text for a rate": ("simulated match", "match_00000.npz", with_arrays(rate="x")),
    "player that is a number": ("SkillCorner", "7.jsonl", instead('data": [{', 'data": [0.5, {')),
    "frame that is a word": ("SkillCorner", "7.jsonl", instead('"frame": 1001', '"frame": "x"')),
    "event that is a word": ("StatsBomb", "events.json", instead('"index": 5', '"index": "x"')),
    "freeze frame beyond float32": ("StatsBomb", "frames.json", instead("[55.5", "[1e300")),
    "shirt that is nan": ("labelled tracks", "7.json", instead('number": 1', 'number": NaN')),
    "csv of other letters": ("Last Row", "play.csv", lambda content: content + b"\xe9"),
    "cut zip": ("Hawk-Eye", "a.zip", lambda content: content[:-9]),
    "part of a zip that is cut": ("Hawk-Eye", "a.zip", lambda content: content[9:]),
    "ball that is nowhere": ("Hawk-Eye", BALL_FILE, instead("[0.0, 0.0", "[null, 0.0")),
    "ball beyond the earth": ("Hawk-Eye", BALL_FILE, instead("[0.0, 0.0", "[1e308, 0.0")),
    "ball in six dimensions": (
        "Hawk-Eye",
        BALL_FILE,
        lambda content: content.replace(b"0.11]", b"0.11, 1, 2, 3]"),
    ),
    "time that goes back": ("Hawk-Eye", BALL_FILE, instead('time": 0.04', 'time": 0.0')),
    "archive without its beginning": ("archive", "a.zip", lambda content: content[40:]),
    "entry of nothing": ("predictions", PREDICTIONS, lambda _: b"\x80\x04N(K\x01K\x02u."),
    "bytes without end": ("predictions", PREDICTIONS, lambda _: b"\x80\x04\x8e" + b"\xff" * 8),
    "word for weights": ("checkpoint", "epoch_1.pth", saved(state_dict="x")),
    "weights without names": ("checkpoint", "epoch_1.pth", saved(state_dict={1: torch.ones(1)})),
    "base that is computed": (
        "config",
        "a.py",
        instead("['_base_/base.py']", "['_base_/base.py'][:]"),
    ),
    "config that is its own base": ("config", "a.py", instead("_base_/base.py", "a.py")),
    "base of a name too long": ("config", "a.py", instead("_base_/base.py", "x" * 5000)),
}


# --------------------------------------------------------------------------------------- the tests


def plain(value: Any) -> Any:
    """Return dicts, lists and arrays only."""
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, torch.Tensor):
        return value.numpy()
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def check_result(value: Any, reader: Reader, key: str = "") -> None:
    """Look for numbers that are none and for arrays of other shapes."""
    if isinstance(value, dict):
        check_shapes(value, reader.shapes)
        for name, entry in value.items():
            check_result(entry, reader, name)
    elif isinstance(value, list):
        for entry in value:
            check_result(entry, reader, key)
    elif isinstance(value, float | np.ndarray):
        array = np.asarray(value)
        assert array.dtype.kind != "O", key
        if array.dtype.kind in "fc":
            assert not np.isinf(array).any(), key
            assert key in reader.may_be_nan or not np.isnan(array).any(), key


def check_shapes(arrays: Mapping[str, Any], shapes: Mapping[str, tuple[str | int, ...]]) -> None:
    lengths: dict[str, int] = {}
    for name in shapes.keys() & arrays.keys():
        if arrays[name] is not None:
            shape = np.shape(arrays[name])
            assert len(shape) == len(shapes[name]), (name, shape)
            wanted = [
                lengths.setdefault(side, length) if isinstance(side, str) else side
                for side, length in zip(shapes[name], shape, strict=True)
            ]
            assert list(shape) == wanted, (name, shape, shapes[name])


def contents_of(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(scope="session")
def valid_folder(tmp_path_factory) -> Callable[[Reader], Path]:
    """The folder of a reader's valid files, written once."""

    @functools.cache
    def folder_of(write: Callable[[Path], None]) -> Path:
        folder = tmp_path_factory.mktemp("valid")
        write(folder)
        return folder

    return lambda reader: folder_of(reader.write)


def read_damaged(reader: Reader, valid: Path, draw: Draw) -> None:
    """Damage a copy of valid files and read it."""
    with tempfile.TemporaryDirectory(prefix="damaged_") as temporary:
        folder = Path(temporary, "data")
        shutil.copytree(valid, folder)
        damage(draw, folder)
        before = contents_of(folder)
        try:
            check_result(plain(reader.read(folder)), reader)
            message = ""
        except FootmmError as error:
            message = f"{type(error).__name__}: {error}"
        note(message)
        assert not message or str(folder) in message
        assert contents_of(folder) == before


@pytest.mark.parametrize("name", READERS)
def test_valid_files_are_read(name, valid_folder):
    reader = READERS[name]
    check_result(plain(reader.read(valid_folder(reader))), reader)


@pytest.mark.parametrize("name", READERS)
@ANY_SPEED
@given(data=st.data())
def test_damaged_files_are_refused_or_read_whole(name, valid_folder, data):
    read_damaged(READERS[name], valid_folder(READERS[name]), data.draw)


@pytest.mark.parametrize("case", ONCE_MISSED)
def test_damage_that_once_got_through_is_refused(case, valid_folder, tmp_path):
    name, file, change = ONCE_MISSED[case]
    reader, folder = READERS[name], tmp_path / "data"
    shutil.copytree(valid_folder(reader), folder)
    before = (folder / file).read_bytes()
    (folder / file).write_bytes(change(before))
    assert (folder / file).read_bytes() != before
    with pytest.raises(FootmmError, match=re.escape(str(folder))):
        reader.read(folder)


@pytest.mark.parametrize("name", [name for name, reader in READERS.items() if reader.is_text])
def test_byte_order_marks_and_line_breaks_of_windows_change_nothing(name, valid_folder, tmp_path):
    reader, folder = READERS[name], tmp_path / "data"
    shutil.copytree(valid_folder(reader), folder)
    expected = plain(reader.read(folder))
    texts = [path for path in folder.rglob("*") if path.suffix in TEXT_SUFFIXES]
    for path in texts:
        path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().replace(b"\n", b"\r\n"))
    assert texts
    np.testing.assert_equal(plain(reader.read(folder)), expected)


@ANY_SPEED
@given(data=st.data())
def test_damaged_cache_is_made_again(data):
    tracks = replace(some_tracks(), seconds=np.arange(8, dtype=np.float32))
    with tempfile.TemporaryDirectory() as folder:
        cached_tracks(folder, "key", lambda: tracks)
        damage(data.draw, Path(folder))
        found = cached_tracks(folder, "key", lambda: tracks)
        np.testing.assert_equal(plain(found), plain(tracks))


@pytest.fixture(scope="session")
def real_folder(realdata, tmp_path_factory) -> Callable[[str], Path]:
    """A folder with the real files of a provider alone."""

    @functools.cache
    def folder_of(name: str) -> Path:
        folder = tmp_path_factory.mktemp("real")
        with zipfile.ZipFile(realdata / "tracking_misc" / "providers.zip") as archive:
            archive.extractall(folder, REAL_FILES[name][1].values())
        return folder

    return folder_of


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL_FILES)
@ANY_SPEED
@given(data=st.data())
def test_damaged_real_files_are_refused_or_read_whole(name, real_folder, data):
    provider, files, read = REAL_FILES[name]

    def read_files(folder: Path) -> list[Any]:
        return read(provider, {key: folder / file for key, file in files.items()})

    valid = real_folder(name)
    read_damaged(Reader(shutil.copy, read_files), valid, data.draw)


def test_every_reader_is_used_here(valid_folder):
    """A new dataset, or a new function that reads files, needs an example above."""
    used: set[str] = set()

    def remember(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            owner = frame.f_locals.get("self")
            used.add(frame.f_code.co_name if owner is None else type(owner).__name__)

    for reader in READERS.values():
        folder = valid_folder(reader)
        sys.setprofile(remember)
        try:
            reader.read(folder)
        finally:
            sys.setprofile(None)
    assert not {*reading_functions(), *reading_datasets()} - used - OF_OPTIONAL_PACKAGES


def reading_functions() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith(READING):
                continue
            if FILES & {argument.arg for argument in node.args.args}:
                yield node.name


def reading_datasets() -> Iterator[str]:
    for name, cls in DATASETS.module_dict.items():
        # The synthetic ones are drawn, or read by the class of the format; a whole by its parts.
        has_no_format = name.startswith("Synthetic") or cls is ConcatDataset
        if cls.__module__.startswith("footmm.") and not has_no_format:
            yield name
