"""What a writer of footmm wrote, the reader reads: the same content, whatever it is."""

from __future__ import annotations

import json
import math
import pickle
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from footmm.apis.archives import open_archive, pack_files
from footmm.apis.config import load_config
from footmm.apis.detection_files import growing_coco, growing_mot
from footmm.apis.predictions import load_predictions
from footmm.compat.checkpoints import AtomicLocalBackend, load_checkpoint_file
from footmm.datasets.detection import CocoDetectionDataset
from footmm.datasets.homography import lines_in_pixels
from footmm.datasets.mot import read_mot_sequence
from footmm.datasets.soccernet_cameras import read_cameras
from footmm.datasets.trajectory import read_trajectories, write_trajectories
from footmm.datasets.trajectory.cache import cached_tracks
from footmm.engine.hooks.score_threshold import KEY, add_threshold, read_threshold
from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE, Camera
from footmm.pitch.dimensions import LINE_CLASSES, PitchDimensions, soccernet_line_name
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.pitch.lens import BrownConradyLens, PolynomialLens
from footmm.structures.agent_tracks import AgentTracks
from footmm.structures.calibrated_frame import CalibratedFrame
from footmm.structures.detected_objects import CLASSES, DetectedObjects

# NumPy's text ends before the NULs at its end; surrogates are no text.
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda name: not name.endswith("\0")
)


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder for an example: fixtures are shared by all examples of a test."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def numbers(low: float, high: float, width: int = 64) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=width)


# ------------------------------------------------------------------------------------------- tracks


@st.composite
def agent_tracks(draw, name: str = "match", has_seconds: bool = False) -> AgentTracks:
    lengths = draw(st.lists(st.integers(1, 4), max_size=3))
    frames, agents = sum(lengths) + draw(st.integers(0, 2)), draw(st.integers(0, 5))
    starts = np.cumsum([0, *lengths])
    segments = np.array([*pairwise(starts)], np.int64).reshape(-1, 2)
    steps = draw(st.lists(st.integers(0, 2**40), min_size=frames, max_size=frames))
    present = draw(arrays.arrays(bool, (frames, agents)))
    positions = draw(
        arrays.arrays(np.float32, (frames, agents, 2), elements=numbers(-(2.0**100), 2.0**100, 32))
    )
    ids = st.lists(NAMES, min_size=agents, max_size=agents, unique=True)
    return AgentTracks(
        match=name,
        source=draw(NAMES),
        rate=draw(numbers(1e-300, 1e300)),
        positions=positions * present[..., None],
        present=present,
        team=draw(arrays.arrays(np.int8, agents, elements=st.integers(0, 2))),
        goalkeeper=draw(arrays.arrays(bool, agents)),
        agent_ids=tuple(draw(ids)),
        frame_ids=np.cumsum(steps, dtype=np.int64).reshape(frames),
        period=np.full(frames, draw(st.integers(1, 127)), np.int8),
        segments=segments,
        pitch=PitchDimensions(draw(numbers(90, 120)), draw(numbers(60, 85))),
        seconds=np.arange(frames, dtype=np.float32) if has_seconds else None,
    )


def assert_same(found: AgentTracks, wanted: AgentTracks) -> None:
    for key, value in vars(wanted).items():
        if isinstance(value, np.ndarray):
            assert getattr(found, key).dtype == value.dtype, key
            np.testing.assert_array_equal(getattr(found, key), value, err_msg=key)
        else:
            assert getattr(found, key) == value, key


@given(st.data(), st.lists(NAMES, max_size=3, unique=True))
def test_trajectories_npz(data, names):
    matches = [data.draw(agent_tracks(name)) for name in names]
    with new_folder() as folder:
        write_trajectories(folder / "a.npz", matches)
        found = read_trajectories(folder / "a.npz")
        chosen = read_trajectories(folder / "a.npz", names[1:])
    for tracks, wanted in zip([*found, *chosen], [*matches, *matches[1:]], strict=True):
        assert_same(tracks, wanted)


@given(st.data(), st.booleans())
def test_cached_tracks(data, has_seconds):
    wanted = data.draw(agent_tracks(data.draw(NAMES), has_seconds))
    with new_folder() as folder:
        assert_same(cached_tracks(folder, "key", lambda: wanted), wanted)
        assert_same(cached_tracks(folder, "key", lambda: 1 / 0), wanted)


# ------------------------------------------------------------------------------------------ cameras


@st.composite
def soccernet_cameras(draw, image_size: tuple[int, int] = SOCCERNET_IMAGE_SIZE) -> Camera:
    """Any camera that looks neither straight up nor down, where pan and roll are one."""
    lens = BrownConradyLens(
        *(
            torch.tensor(draw(st.lists(numbers(-0.5, 0.5), min_size=count, max_size=count)))
            for count in (6, 2, 4)
        )
    )
    return Camera.from_pan_tilt_roll(
        [draw(numbers(-200, 200)), draw(numbers(-200, 200)), draw(numbers(-10, 100))],
        draw(numbers(-3.1, 3.1)),
        draw(numbers(-1.5, 1.5)),
        draw(numbers(-3.1, 3.1)),
        [draw(numbers(10, 1e5)), draw(numbers(10, 1e5))],
        image_size,
        [draw(numbers(-2000, 4000)), draw(numbers(-2000, 4000))],
        draw(st.sampled_from([None, lens])),
    )


def assert_same_camera(found: Camera, wanted: Camera) -> None:
    assert found.image_size == wanted.image_size
    arrays, others = found.to_arrays(), wanted.to_arrays()
    none = BrownConradyLens.from_radial(0.0)
    for name in arrays.keys() | others.keys():
        default = getattr(none, name, None)
        pair = arrays.get(name, default), others.get(name, default)
        np.testing.assert_allclose(*pair, rtol=1e-9, atol=1e-9, err_msg=name)


@given(soccernet_cameras())
def test_soccernet_cameras(camera):
    written = json.loads(json.dumps(camera.to_soccernet()))
    assert_same_camera(Camera.from_soccernet(written), camera)
    assert_same_camera(Camera.from_arrays(camera.to_arrays(), camera.image_size), camera)


@given(
    st.tuples(st.integers(64, 8000), st.integers(64, 8000)),
    st.lists(numbers(-2, 2), min_size=1, max_size=5),
    numbers(-1.5, 1.5),
    numbers(-3, 3),
)
def test_synloc_cameras(image_size, polynomial, tilt, pan):
    coefficients = torch.tensor(polynomial, dtype=torch.float64)
    width, height = image_size
    camera = Camera.from_pan_tilt_roll(
        [1.0, -60.0, 15.0], pan, tilt, 0.1, float(width), image_size,
        [(width - 1) / 2, (height - 1) / 2], PolynomialLens(coefficients, coefficients),
    )  # fmt: skip
    written = dict(width=width, height=height, **json.loads(json.dumps(camera.to_synloc())))
    assert_same_camera(Camera.from_synloc(written), camera)


@given(
    st.dictionaries(st.integers(1, 99999), st.none() | soccernet_cameras((1280, 720)), min_size=1),
    st.text(string.ascii_letters + "_ é", max_size=5),
)
def test_cameras_of_a_video(cameras, prefix):
    keypoint_set = KEYPOINT_SETS["kp29"]
    points = np.full((len(keypoint_set), 2), np.nan)
    frames = {}
    for number, camera in cameras.items():
        name = f"{prefix}{number}.jpg"
        frame = CalibratedFrame(
            name, (1280, 720), camera, None, 0.5, None, keypoint_set, points, points[:, 0]
        )
        frames[name] = frame.to_json()
    with new_folder() as folder:
        path = folder / "cameras.json"
        path.write_text(json.dumps(dict(frames=frames)))
        found = read_cameras(path, (1280, 720))
    assert found.keys() == {number for number, camera in cameras.items() if camera is not None}
    for number, camera in found.items():
        assert_same_camera(camera, cameras[number])


@given(
    st.dictionaries(
        st.sampled_from(LINE_CLASSES),
        st.lists(st.tuples(numbers(-1, 2), numbers(-1, 2)), min_size=1, max_size=4),
    )
)
def test_annotated_lines(lines):
    last = np.array(SOCCERNET_IMAGE_SIZE) - 1
    annotation = {
        soccernet_line_name(name): [dict(x=x, y=y) for x, y in points]
        for name, points in lines.items()
    }
    found = lines_in_pixels(json.loads(json.dumps(annotation)), "here")
    assert found.keys() == lines.keys()
    for name, points in lines.items():
        np.testing.assert_allclose(found[name], np.array(points) * last, atol=1e-9)


# ------------------------------------------------------------------------------------------ objects


@st.composite
def detected_frames(draw) -> list[DetectedObjects]:
    sides = arrays.arrays(np.float32, (3, 2), elements=numbers(0, 600, 32))
    frames = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        count = draw(st.integers(0, 3))
        first, size = draw(sides)[:count], draw(sides)[:count] + 1
        boxes = np.concatenate([first, first + size], axis=1)
        scores = draw(arrays.arrays(np.float32, count, elements=numbers(0, 1, 32)))
        labels = draw(arrays.arrays(np.int64, count, elements=st.integers(0, len(CLASSES) - 1)))
        frames.append(
            DetectedObjects(number, f"é {number}.jpg", (1280, 720), boxes, scores, labels)
        )
    return frames


@given(detected_frames())
def test_detections_for_trackers(frames):
    with new_folder() as folder:
        (folder / "gt").mkdir()
        with growing_mot(folder / "gt" / "gt.txt") as write:
            for frame in frames:
                write(frame)
        info = "[Sequence]\nframeRate=25\nseqLength={}\nimWidth=1280\nimHeight=720\n"
        (folder / "seqinfo.ini").write_text(info.format(len(frames)))
        found = read_mot_sequence(folder)
    counts = [len(frame.boxes) for frame in frames]
    assert found.frames.tolist() == np.repeat(np.arange(1, len(frames) + 1), counts).tolist()
    boxes = np.concatenate([frame.boxes for frame in frames]).astype(float)
    boxes[:, 2:] -= boxes[:, :2]
    np.testing.assert_allclose(found.boxes, boxes, atol=0.006)
    assert np.isnan(found.world_points).all()


@given(detected_frames())
def test_detections_as_coco(frames):
    with new_folder() as folder:
        for frame in frames:
            (folder / frame.image_path).touch()
        with growing_coco(folder / "detections.json", lambda: {"unreadable": {}}) as write:
            for frame in frames:
                write(frame)
        dataset = CocoDetectionDataset(
            folder, ann_file="detections.json", test_mode=True, serialize_data=False
        )
        samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    for sample, frame in zip(samples, frames, strict=True):
        assert (sample["img_id"], sample["width"], sample["height"]) == (frame.image_id, 1280, 720)
        assert Path(sample["img_path"]).name == frame.image_path
        boxes = [instance["bbox"] for instance in sample["instances"]]
        wanted = frame.boxes.clip(max=[1280, 720, 1280, 720])
        np.testing.assert_allclose(np.reshape(boxes, (-1, 4)), wanted, atol=0.02)
        labels = [instance["bbox_label"] for instance in sample["instances"]]
        assert labels == frame.labels.tolist()


# -------------------------------------------------------------------------------------- other files

#: Names that every disk and archive takes.
FILE_NAMES = st.text(string.ascii_lowercase + string.digits + "é_", min_size=1, max_size=8)


@given(
    st.dictionaries(
        st.lists(FILE_NAMES, min_size=2, max_size=2).map("/".join), st.binary(max_size=200)
    )
)
def test_archives(files):
    content = pack_files(files)
    assert content == pack_files(dict(reversed(files.items())))
    with open_archive("a.zip", content) as archive, new_folder() as folder:
        assert archive.sizes == {name: len(data) for name, data in files.items()}
        assert {name: archive.read(name) for name in archive.sizes} == files
        archive.extract({name: folder / name for name in archive.sizes})
        assert {name: (folder / name).read_bytes() for name in files} == files


FLOATS = st.floats(allow_nan=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TENSORS = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


@given(st.lists(st.tuples(NAMES, TENSORS, PLAIN), max_size=3))
def test_predictions(content):
    samples = [
        dict(img_path=name, array=array, tensor=torch.from_numpy(np.array(array)), rest=rest)
        for name, array, rest in content
    ]
    with new_folder() as folder:
        (folder / "a.pkl").write_bytes(pickle.dumps(samples))
        found = load_predictions(folder / "a.pkl", ["img_path", "tensor"])
    for sample, wanted in zip(found, samples, strict=True):
        assert (sample["img_path"], sample["rest"]) == (wanted["img_path"], wanted["rest"])
        assert sample["tensor"].dtype == wanted["tensor"].dtype
        np.testing.assert_array_equal(sample["tensor"].numpy(), wanted["array"])
        np.testing.assert_array_equal(sample["array"], wanted["array"])


@given(st.dictionaries(NAMES, TENSORS, max_size=3), PLAIN, FLOATS.filter(math.isfinite))
def test_checkpoints(weights, rest, threshold):
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    with new_folder() as folder:
        path = folder / "epoch_1.pth"
        torch.save(dict(state_dict=state, meta=dict(rest=rest)), path)
        add_threshold(path, threshold)
        found = load_checkpoint_file(path)
    assert found["meta"] == {"rest": rest, KEY: threshold}
    assert read_threshold(found) == threshold
    for name, tensor in found["state_dict"].items():
        assert tensor.dtype == state[name].dtype
        np.testing.assert_array_equal(tensor.numpy(), weights[name])
    assert found["state_dict"].keys() == weights.keys()


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_files_of_the_atomic_backend(first, second):
    with new_folder() as folder:
        for content in (first, second):
            AtomicLocalBackend().put(content, folder / "é.bin")
            assert AtomicLocalBackend().get(folder / "é.bin") == content
        assert [path.name for path in folder.iterdir()] == ["é.bin"]


@given(st.integers(), FLOATS.filter(math.isfinite), NAMES, st.lists(st.integers(), max_size=3))
def test_config_overrides(batch_size, rate, data_root, train_matches):
    overrides = dict(batch_size=batch_size, rate=rate, data_root=data_root)
    overrides |= dict(train_matches=train_matches)
    # MMEngine replaces what stands for a place or a variable of the environment.
    assume("{" not in data_root)
    with new_folder() as folder:
        (folder / "base.py").write_text("batch_size = 1  # é\ndata_root = (\n    'a'\n)\n")
        lines = ["_base_ = 'base.py'", "rate, other = 1.0, 2", "rate = 25.0", "train_matches = []"]
        path = folder / "a.py"
        path.write_text("\n".join(line for line in lines if "other" not in line))
        config = load_config(path, overrides)
        config.dump(folder / "dumped.py")
        for found in (config, load_config(folder / "dumped.py")):
            assert {name: found[name] for name in overrides} == overrides
