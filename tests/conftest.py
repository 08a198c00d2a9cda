"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from mmengine.logging import MMLogger
from mmengine.utils import ManagerMixin

import footmm  # noqa: F401  (before mmdet and mmpose: installs the mmcv ops fallback)
from footmm.datasets.synloc import SyntheticSynLocDataset
from footmm.pitch.camera import Camera

ROOT = Path(__file__).resolve().parents[1]

# HYPOTHESIS_PROFILE=thorough looks for new examples, many of them, at every run.
_SETTINGS = dict(deadline=None, database=None, print_blob=True)
settings.register_profile("quick", **_SETTINGS, derandomize=True, max_examples=25)
settings.register_profile("thorough", **_SETTINGS, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real samples; skips the test where there is none."""
    folder = Path(os.environ.get("FOOTMM_REALDATA", ROOT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        pytest.skip("no real samples: set FOOTMM_REALDATA to their folder")
    return folder


@pytest.fixture(scope="session")
def synloc_root(tmp_path_factory) -> Path:
    """Three synthetic frames for each of training and test, as SynLoc's files."""
    folder = tmp_path_factory.mktemp("synloc")
    roots = [
        Path(SyntheticSynLocDataset(3, split, image_size=(640, 360), data_root=folder).data_root)
        for split in ("train", "test")
    ]
    content = json.loads((roots[1] / "annotations" / "test.json").read_text())
    (roots[0] / "annotations" / "test.json").write_text(json.dumps(content))
    for image in (roots[1] / "fullhd" / "test").iterdir():
        image.rename(roots[0] / "fullhd" / "test" / image.name)
    return roots[0]


@pytest.fixture
def soccernet_ball_root(tmp_path) -> Path:
    """A sequence of 12 frames with a ball in 11, labelled in 3D in 4, cameras of all but one."""
    folder = tmp_path / "train" / "SNMOT-060"
    (folder / "gt").mkdir(parents=True)
    (folder / "seqinfo.ini").write_text(
        "[Sequence]\nname=SNMOT-060\nimDir=img1\nframeRate=25\nseqLength=12\nimWidth=1920\n"
        "imHeight=1080\nimExt=.jpg\n"
    )
    (folder / "gameinfo.ini").write_text(
        "[Sequence]\ntrackletID_1= player team left;10\ntrackletID_2= ball;1\n"
    )
    lines = [f"{frame},1,100,200,40,90,1,-1,-1,-1" for frame in range(1, 13)]
    for frame in range(1, 12):
        world = f"{frame / 10},2.0,0.5" if 3 <= frame <= 6 else "-1,-1,-1"
        lines.append(f"{frame},2,{900 + frame},500,16,9,1,{world}")
    # Not a size, not in the image, nobody's track.
    lines += ["12,2,100,100,0,9,1,-1,-1,-1", "12,2,5000,100,9,9,1,-1,-1,-1"]
    lines.append("4,9,100,100,9,9,1,-1,-1,-1")
    (folder / "gt" / "gt.txt").write_text("\n".join(lines))
    camera = Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 4000.0, (1920, 1080))
    cameras = tmp_path / "cameras" / "SNMOT-060"
    cameras.mkdir(parents=True)
    for frame in set(range(1, 13)) - {5}:
        parameters = camera.resized(960, 540).to_soccernet()
        (cameras / f"camera_{frame:06d}.json").write_text(json.dumps(parameters))
    return tmp_path


@pytest.fixture(autouse=True)
def forget_runs() -> Iterator[None]:
    """Drop MMEngine's named instances: two runs within a second would share their names."""
    yield
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
    classes: list[type] = [ManagerMixin]
    while classes:
        cls = classes.pop()
        cls._instance_dict.clear()
        classes += cls.__subclasses__()


def pytest_collection_finish() -> None:
    """What is imported by now stays: MMEngine collects garbage for every dataset it builds."""
    gc.collect()
    gc.freeze()
