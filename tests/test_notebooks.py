"""The notebooks run from top to bottom, at the smallest setting, and are clean."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from footmm.apis.predictions import load_predictions
from footmm.engine.hooks.score_threshold import add_threshold
from footmm.evaluation.metrics import LocSimMetric
from footmm.pitch.camera import Camera

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUN = Path("work_dirs/yoloxpose_tiny_synthetic")
THRESHOLD = 0.5


def execute(path: Path, folder: Path) -> str:
    """Run a notebook in a folder and return all that its cells have printed."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    settings = {
        "FOOTMM_NOTEBOOK_SMALL": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(folder / ".ipython"),
    }
    client.execute(env=os.environ | settings)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def find_what_is_there(folder: Path) -> None:
    """Put detections near the athletes in place of those of a model that was hardly trained.

    The figures of the test and the threshold in the checkpoint become those of the new detections.
    """
    results = folder / RUN / "test/results.pkl"
    samples = load_predictions(results, ["pred_instances"])
    rng = np.random.default_rng(0)
    for sample in samples:
        keypoints = sample["ground_truth_keypoints"]
        keypoints = keypoints + rng.normal(0, 2, keypoints.shape)
        sample["pred_instances"] = {
            "bboxes": sample["ground_truth_bboxes"],
            "bbox_scores": np.linspace(0.9, 0.4, len(keypoints)),
            "keypoints": keypoints,
            "positions": Camera.from_synloc(sample["camera"]).image_to_ground(keypoints[:, 1]),
        }
    results.write_bytes(pickle.dumps(samples))
    metric = LocSimMetric(score_threshold=THRESHOLD)
    metric.process(None, samples)
    (log,) = (folder / RUN / "test").glob("*/*.json")
    log.write_text(json.dumps(metric.evaluate(len(samples))))
    add_threshold(folder / RUN / "epoch_1.pth", THRESHOLD)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A folder in which the notebooks find the code and leave what they write."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("configs", "notebooks", "tools"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def printed(clone) -> dict[str, str]:
    """What each notebook has printed, run one after the other."""
    texts = {}
    for path in NOTEBOOKS:
        if "submission" in path.stem:
            find_what_is_there(clone)
        texts[path.stem] = execute(path, clone)
    return texts


def test_first_notebook_shows_the_trap(printed, clone):
    text = printed["synloc_1_setup_and_data"]
    assert "val: 2 frames of footmm synthetic frames" in text
    assert "the first file is 640 pixels wide, its labels are for 3840" in text
    right, wrong = (float(metres) for metres in re.findall(r"camera: ([\d.]+) m off", text))
    assert right < 0.1
    assert wrong > 10
    names = {path.name for path in (clone / "work_dirs/synloc_data").iterdir()}
    assert names == {"frame.png", "training.png"}


def test_second_notebook_trains(printed, clone):
    assert "--resume goes on from epoch_1.pth" in printed["synloc_2_training"]
    assert (clone / RUN / "epoch_1.pth").is_file()
    assert (clone / RUN / "pictures/curves.png").is_file()


def test_third_notebook_evaluates(printed, clone):
    text = printed["synloc_3_evaluation"]
    assert "2 frames, " in text
    assert re.search(r"^mAP_locsim +0\.\d{3} +0\.\d{3}$", text, flags=re.MULTILINE)
    assert (clone / RUN / "test/pictures/f1_by_threshold_test.png").is_file()


def test_fourth_notebook_submits(printed, clone):
    text = printed["synloc_4_submission"]
    assert f"score threshold {THRESHOLD:.4f}" in text
    assert "spoilt.zip must not be submitted: the boxes lie in the upper left quarter" in text
    figures = json.loads((clone / RUN / "test/official.json").read_text())
    assert 0.3 < figures["mAP_locsim"] < 1
    assert float(re.search(r"largest difference (\S+)", text)[1]) < 1e-3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_clean(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert notebook.nbformat == 4
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    text = path.read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#:]+)[)#]", text)
    named = re.findall(r"\b((?:tools|configs)/[\w/-]+\.py)", text)
    assert not [link for link in linked if not (path.parent / link).exists()]
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_tools_have_the_options_that_a_notebook_gives(path):
    # The smallest setting does not run the commands of the real data.
    for cell in nbformat.read(path, as_version=4).cells:
        tools = re.findall(r"tools/[\w/]+\.py", cell.source)
        if "!{PYTHON}" not in cell.source or not tools:
            continue
        code = "".join((ROOT / tool).read_text() for tool in [*tools, "footmm/apis/cli.py"])
        given = re.findall(r"(?<![\w-])--[a-z-]+", cell.source)
        assert not [option for option in given if f'"{option}"' not in code]


@pytest.fixture
def session():
    spec = importlib.util.spec_from_file_location("session", ROOT / "notebooks/session.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_copy_that_was_cut_off_is_continued(session, tmp_path):
    source, target = tmp_path / "drive/train.zip", tmp_path / "archives/train.zip"
    source.parent.mkdir()
    source.write_bytes(bytes(range(256)))
    target.parent.mkdir()
    (target.parent / ".train.zip.partial").write_bytes(bytes(range(100)))

    session.fetch(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["train.zip"]

    # It is there as a whole, so it is not read again.
    source.write_bytes(bytes(256))
    session.fetch(source, target)
    assert target.read_bytes() == bytes(range(256))


def test_copy_of_another_file_is_not_continued(session, tmp_path):
    (tmp_path / "source").write_bytes(b"short")
    (tmp_path / ".target.partial").write_bytes(b"longer than that")
    with pytest.raises(OSError, match="another file"):
        session.fetch(tmp_path / "source", tmp_path / "target")
    session.fetch(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"short"


def test_best_checkpoint_goes_before_the_last_one(session, tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint yet"):
        session.find_checkpoint(tmp_path)
    (tmp_path / "last_checkpoint").write_text("/elsewhere/epoch_9.pth")
    assert session.find_checkpoint(tmp_path) == tmp_path / "epoch_9.pth"
    (tmp_path / "best_synloc_mAP_locsim_epoch_7.pth").touch()
    assert session.find_checkpoint(tmp_path).name == "best_synloc_mAP_locsim_epoch_7.pth"
