"""The SynLoc submission, from dumped predictions to the zip and its official score."""

from __future__ import annotations

import copy
import json
import pickle
import runpy
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import DumpResults, Evaluator
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from sskit.coco import LocSimCOCOeval
from xtcocotools.coco import COCO

from footmm.datasets.synloc import SynLocDataset
from footmm.evaluation.metrics import LocSimMetric
from footmm.pitch.camera import Camera

SCRIPT = Path(__file__).parents[3] / "tools" / "data" / "make_synloc_submission.py"
METADATA = {"score_threshold": 0.3, "position_from_keypoint_index": 1}


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture(scope="module")
def annotations(synloc_root):
    return synloc_root / "annotations" / "test.json"


@pytest.fixture(scope="module")
def content(annotations):
    return json.loads(annotations.read_text())


@pytest.fixture(scope="module")
def samples(synloc_root):
    """What a model that makes no mistakes predicts, as it is before the evaluation."""
    dataset = SynLocDataset(synloc_root, "test", test_mode=True)
    samples = []
    for number in range(len(dataset)):
        info = dataset.get_data_info(number)
        keypoints = info["ground_truth_keypoints"]
        keys = ("img_id", "img_path", "camera", *(key for key in info if "ground_truth" in key))
        sample = PoseDataSample(metainfo={key: info[key] for key in keys})
        sample.pred_instances = InstanceData(
            bboxes=torch.from_numpy(info["ground_truth_bboxes"]),
            bbox_scores=torch.linspace(0.9, 0.5, len(keypoints)),
            keypoints=torch.from_numpy(keypoints),
            positions=Camera.from_synloc(info["camera"]).image_to_ground(keypoints[:, 1]),
        )
        samples.append(sample)
    return samples


@pytest.fixture
def dicts(samples):
    """The same samples as in the file of tools/test.py, to be damaged."""
    return copy.deepcopy([sample.to_dict() for sample in samples])


@pytest.fixture
def detections(content):
    """Entries of results.json, to be damaged."""
    return [
        {
            "image_id": athlete["image_id"],
            "category_id": 1,
            "bbox": list(athlete["bbox"]),
            "keypoints": [number for point in athlete["keypoints"] for number in point],
            "score": 0.9,
        }
        for athlete in content["annotations"]
    ]


def run(main, folder, annotations, samples, *options):
    (folder / "results.pkl").write_bytes(pickle.dumps(samples))
    options = options or ("--score-threshold=0.3",)
    out = folder / "submission.zip"
    main([str(folder / "results.pkl"), f"--annotations={annotations}", f"--out={out}", *options])
    return out


def write_zip(folder, detections, metadata=METADATA):
    """Write a submission; text is written as it is."""
    with zipfile.ZipFile(folder / "other.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in (("results.json", detections), ("metadata.json", metadata)):
            archive.writestr(name, value if isinstance(value, str) else json.dumps(value))
    return folder / "other.zip"


def check(main, path, annotations):
    main([f"--check={path}", f"--annotations={annotations}"])


def refused(capsys, action, *args):
    with pytest.raises(SystemExit) as caught:
        action(*args)
    assert caught.value.code == 2
    return capsys.readouterr().err


def read_zip(path):
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["metadata.json", "results.json"]
        return json.loads(archive.read("results.json")), json.loads(archive.read("metadata.json"))


def official_stats(annotations, path, folder):
    """Score a submission as the server does: Spiideo/sskit, codabench/scoring_program."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    metadata = json.loads((folder / "metadata.json").read_text())
    truth = COCO(str(annotations))
    evaluation = LocSimCOCOeval(truth, truth.loadRes(str(folder / "results.json")), "bbox")
    evaluation.params.useSegm = None
    evaluation.params.score_threshold = metadata["score_threshold"]
    evaluation.params.position_from_keypoint_index = metadata["position_from_keypoint_index"]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def write_results(samples, path):
    evaluator = Evaluator([DumpResults(str(path))])
    evaluator.process(samples)
    evaluator.evaluate(len(samples))


def our_scores(dicts, threshold):
    metric = LocSimMetric(score_threshold=threshold)
    metric.process(None, dicts)
    return metric.evaluate(len(dicts))


def test_official_score_is_ours(main, annotations, samples, dicts, tmp_path, capsys):
    """From the dump of tools/test.py to the score of the server; perfect detections."""
    write_results(samples, tmp_path / "dump.pkl")
    out = tmp_path / "submission.zip"
    arguments = [f"--annotations={annotations}", f"--out={out}", "--score-threshold=0.4"]
    main([str(tmp_path / "dump.pkl"), *arguments])
    num_athletes = sum(len(sample.pred_instances) for sample in samples)
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"wrote {out}: {num_athletes} detections, score threshold 0.4000, 0 images without a "
        "detection"
    )
    stats = official_stats(annotations, out, tmp_path)
    ours = our_scores(dicts, 0.4)
    assert stats[0] == pytest.approx(1, abs=1e-6)
    assert ours["synloc/mAP_locsim"] == pytest.approx(1, abs=1e-6)
    assert stats[15] == 0.4


def test_official_score_of_bad_detections_is_ours(main, annotations, dicts, tmp_path):
    rng = np.random.default_rng(0)
    for sample in dicts:
        found = sample["pred_instances"]
        shifts = torch.from_numpy(rng.normal(0, 4, found["keypoints"].shape))
        found["keypoints"] = found["keypoints"] + shifts
        camera = Camera.from_synloc(sample["camera"])
        found["positions"] = camera.image_to_ground(found["keypoints"][:, 1])
    out = run(main, tmp_path, annotations, dicts, "--score-threshold=0.65")
    stats = official_stats(annotations, out, tmp_path)
    ours = our_scores(dicts, 0.65)
    assert 0.1 < stats[0] < 0.9
    expected = [ours[f"synloc/{key}"] for key in ("mAP_locsim", "precision", "recall", "f1")]
    assert stats[[0, 12, 13, 14]] == pytest.approx(expected, abs=1e-4)


def test_what_is_written(main, annotations, content, dicts, tmp_path):
    results, metadata = read_zip(run(main, tmp_path, annotations, dicts))
    assert metadata == METADATA
    athletes = content["annotations"]
    assert len(results) == len(athletes)
    for result, athlete in zip(results, athletes, strict=True):
        assert set(result) == {
            *("image_id", "category_id", "bbox", "keypoints", "score", "position_on_pitch")
        }
        assert (result["image_id"], result["category_id"]) == (athlete["image_id"], 1)
        assert result["bbox"] == pytest.approx(athlete["bbox"], abs=1e-4)
        assert result["keypoints"] == pytest.approx(np.ravel(athlete["keypoints"]), abs=1e-4)
        # Not exactly: the camera's two polynomials are no inverses.
        assert result["position_on_pitch"] == pytest.approx(athlete["position_on_pitch"], abs=0.1)


def test_equal_predictions_make_equal_files(main, annotations, dicts, tmp_path):
    first = run(main, tmp_path, annotations, dicts).read_bytes()
    assert run(main, tmp_path, annotations, dicts[::-1]).read_bytes() == first


def test_threshold_of_the_checkpoint(main, annotations, dicts, tmp_path):
    torch.save({"state_dict": {}, "meta": {"score_threshold": 0.123}}, tmp_path / "best.pth")
    option = f"--checkpoint={tmp_path / 'best.pth'}"
    _, metadata = read_zip(run(main, tmp_path, annotations, dicts, option))
    assert metadata == METADATA | {"score_threshold": 0.123}


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({}, "carries no score threshold, as these weights were not validated"),
        ({"score_threshold": "high"}, "is 'high', not a number"),
    ],
)
def test_checkpoint_without_threshold(main, annotations, dicts, tmp_path, capsys, meta, message):
    torch.save({"state_dict": {}, "meta": meta}, tmp_path / "best.pth")
    option = f"--checkpoint={tmp_path / 'best.pth'}"
    assert message in refused(capsys, run, main, tmp_path, annotations, dicts, option)
    assert not (tmp_path / "submission.zip").exists()


def test_checkpoint_that_carries_code(main, annotations, dicts, tmp_path, capsys):
    torch.save({"state_dict": {}, "meta": print}, tmp_path / "best.pth")
    option = f"--checkpoint={tmp_path / 'best.pth'}"
    assert "it carries code" in refused(capsys, run, main, tmp_path, annotations, dicts, option)


def test_detections_that_cannot_be_submitted_are_counted(
    main, annotations, dicts, tmp_path, capsys
):
    found = dicts[0]["pred_instances"]
    found["keypoints"][0, 1] = torch.nan
    found["keypoints"][1, 1] = torch.tensor([1000.0, -4000.0])
    found["keypoints"][2, 0, 0] = torch.inf
    found["bboxes"][3, 2] = found["bboxes"][3, 0]
    # Above the horizon counts once.
    found["bboxes"][1, 2] = found["bboxes"][1, 0]
    results, _ = read_zip(run(main, tmp_path, annotations, dicts))
    assert len(results) == sum(len(d["pred_instances"]["bboxes"]) for d in dicts) - 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "left out: 3 detections whose keypoint on the ground is nan or looks above the horizon",
        "left out: 1 detections without a box inside the image",
    ]


def test_images_without_detections_are_counted(main, annotations, dicts, tmp_path, capsys):
    empty = {key: values[:0] for key, values in dicts[1]["pred_instances"].items()}
    dicts[1]["pred_instances"] = empty
    run(main, tmp_path, annotations, dicts[:2])
    output = capsys.readouterr().out
    assert "2 images without a detection" in output
    assert "not predicted: 1 of 3 images" in output


def test_annotations_of_the_challenge_have_no_athletes(main, content, dicts, tmp_path):
    public = {key: value for key, value in content.items() if key != "annotations"}
    (tmp_path / "challenge_public.json").write_text(json.dumps(public))
    for sample in dicts:
        sample |= {key: None for key in sample if "ground_truth" in key}
    run(main, tmp_path, tmp_path / "challenge_public.json", dicts)


def test_predictions_of_another_split(main, synloc_root, dicts, tmp_path, capsys):
    """Its ids and file names are the same."""
    other = synloc_root / "annotations" / "train.json"
    error = refused(capsys, run, main, tmp_path, other, dicts)
    assert "image 0" in error
    assert "has another camera there" in error
    dicts[0]["img_id"] = 99
    assert "but is not there" in refused(capsys, run, main, tmp_path, other, dicts)


def test_image_that_is_predicted_twice(main, annotations, dicts, tmp_path, capsys):
    error = refused(capsys, run, main, tmp_path, annotations, [*dicts, dicts[0]])
    assert "image 0 is predicted twice" in error


def test_pixels_of_the_image_files(main, annotations, dicts, tmp_path, capsys):
    """Predictions that were not brought to the annotated size do not get into a submission."""
    for sample in dicts:
        sample["pred_instances"]["bboxes"] /= 2
        sample["pred_instances"]["keypoints"] /= 2
    error = refused(capsys, run, main, tmp_path, annotations, dicts)
    assert "submission.zip must not be submitted: the boxes lie in the upper left" in error
    assert "bring them to the annotated size, 3840 x 2160" in error
    assert not (tmp_path / "submission.zip").exists()


def test_scores_that_are_nan(main, annotations, dicts, tmp_path, capsys):
    dicts[1]["pred_instances"]["bbox_scores"][2] = torch.nan
    error = refused(capsys, run, main, tmp_path, annotations, dicts)
    assert "has the score NaN, not a finite number" in error


@pytest.mark.parametrize("threshold", ["nan", "inf"])
def test_thresholds_that_are_no_numbers(main, annotations, dicts, tmp_path, capsys, threshold):
    option = f"--score-threshold={threshold}"
    error = refused(capsys, run, main, tmp_path, annotations, dicts, option)
    assert "score_threshold is" in error


def test_predictions_of_another_task(main, annotations, tmp_path, capsys):
    error = refused(capsys, run, main, tmp_path, annotations, [{"img_path": "x.jpg"}])
    assert "x.jpg has no 'img_id'" in error
    assert "holds no detection" in refused(capsys, run, main, tmp_path, annotations, [])


def test_out_that_cannot_be_written(main, annotations, dicts, tmp_path, capsys):
    (tmp_path / "submission.zip").mkdir()
    assert "cannot write" in refused(capsys, run, main, tmp_path, annotations, dicts)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--annotations=x.json"],
        ["results.pkl", "--annotations=x.json", "--out=x.zip"],
        ["results.pkl", "--annotations=x.json", "--score-threshold=0"],
        ["results.pkl", "--annotations=x.json", "--check=x.zip"],
        ["--annotations=x.json", "--check=x.zip", "--score-threshold=0"],
        ["r.pkl", "--annotations=x.json", "--out=x", "--checkpoint=c", "--score-threshold=0"],
    ],
)
def test_arguments_that_do_not_go_together(main, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_checks_other_submissions(main, annotations, detections, tmp_path, capsys):
    path = write_zip(tmp_path, detections)
    check(main, path, annotations)
    assert capsys.readouterr().out.startswith(f"{path} is as the rules want it: ")


def test_checks_what_it_writes(main, annotations, dicts, tmp_path, capsys):
    check(main, run(main, tmp_path, annotations, dicts), annotations)
    assert "is as the rules want it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ([], "metadata.json is no object with the keys score_threshold and position_from"),
        ({"score_threshold": 0.5}, "metadata.json is no object with the keys"),
        ({"position_from_keypoint_index": 1}, "metadata.json is no object with the keys"),
        (METADATA | {"score_threshold": None}, "score_threshold is null, not a finite number"),
        (METADATA | {"score_threshold": "0.5"}, 'score_threshold is "0.5", not a finite number'),
        (METADATA | {"score_threshold": True}, "score_threshold is true, not a finite number"),
        (METADATA | {"score_threshold": float("nan")}, "score_threshold is NaN, not a finite"),
        (METADATA | {"score_threshold": 10**400}, "score_threshold is 1000"),
        (METADATA | {"score_threshold": 0.95}, "no score reaches the score_threshold 0.95 (the"),
        (METADATA | {"position_from_keypoint_index": 2}, "keypoint_index is 2, not 1 for the"),
        (METADATA | {"position_from_keypoint_index": -1}, "keypoint_index is -1, not 1"),
        (METADATA | {"position_from_keypoint_index": 1.0}, "keypoint_index is 1.0, not 1"),
        (METADATA | {"position_from_keypoint_index": "1"}, 'keypoint_index is "1", not 1'),
        (METADATA | {"position_from_keypoint_index": True}, "keypoint_index is true, not 1"),
        (METADATA | {"position_from_keypoint_index": None}, "keypoint_index is null, not 1"),
        ("{'score_threshold': 0.5}", "metadata.json is not valid JSON"),
    ],
)
def test_wrong_metadata(main, annotations, detections, tmp_path, capsys, metadata, message):
    path = write_zip(tmp_path, detections, metadata)
    error = refused(capsys, check, main, path, annotations)
    assert error.startswith(f"error: {path} must not be submitted: ")
    assert message in error


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "results.json holds no detection"),
        ({"results": []}, "results.json is no list of detections"),
        ([[0, 1, 2]], "detection 0 (from 0) is [0, 1, 2], not an object"),
        ("[", "results.json is not valid JSON"),
        ("[" * 100_000, "results.json is not valid JSON"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "is not valid JSON"),
    ],
)
def test_wrong_results(main, annotations, tmp_path, capsys, results, message):
    path = write_zip(tmp_path, results)
    assert message in refused(capsys, check, main, path, annotations)


NAN = float("nan")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("image_id", 99, "has the image_id 99, which the split's annotations do not have"),
        ("image_id", "0", 'has the image_id "0", not a whole number'),
        ("image_id", 0.0, "has the image_id 0.0, not a whole number"),
        ("image_id", None, "has the image_id null, not a whole number"),
        ("category_id", 0, "has the category_id 0, which the split's annotations do not have"),
        ("category_id", True, "has the category_id true, not a whole number"),
        ("score", NAN, "has the score NaN, not a finite number"),
        ("score", float("inf"), "has the score Infinity, not a finite number"),
        ("score", "0.9", 'has the score "0.9", not a finite number'),
        ("score", [0.9], "has the score [0.9], not a finite number"),
        ("score", None, "has the score null, not a finite number"),
        ("bbox", [1, 2, 3], "has the bbox [1, 2, 3], not 4 finite numbers"),
        ("bbox", [1, 2, 3, NAN], "has the bbox [1, 2, 3, NaN], not 4 finite numbers"),
        ("bbox", [10, 20, 5, 0], "has the bbox [10, 20, 5, 0], whose width or height is not pos"),
        ("bbox", [10, 20, -5, 5], "whose width or height is not positive"),
        ("bbox", None, "has the bbox null, not 4 finite numbers"),
        ("keypoints", [[9, 9, 1], [9, 20, 1]], "not 6 finite numbers in a flat list"),
        ("keypoints", [9, 20, 1], "has the keypoints [9, 20, 1], not 6 finite numbers"),
        ("keypoints", [9, 9, 1, NAN, 20, 1], "not 6 finite numbers"),
        ("position_on_pitch", [1], "has the position_on_pitch [1], not 2 or 3 finite numbers"),
        ("position_on_pitch", [1, NAN], "has the position_on_pitch [1, NaN], not 2 or 3"),
    ],
)
def test_wrong_detection(main, annotations, detections, tmp_path, capsys, key, value, message):
    detections[3][key] = value
    path = write_zip(tmp_path, detections)
    error = refused(capsys, check, main, path, annotations)
    assert "must not be submitted: results.json: detection 3 (from 0) " in error
    assert message in error


def scaled(detections, scale, *keys):
    for detection in detections:
        if "bbox" in keys:
            detection["bbox"] = [scale * value for value in detection["bbox"]]
        if "keypoints" in keys:
            u, v, _, ground_u, ground_v, _ = (scale * value for value in detection["keypoints"])
            detection["keypoints"] = [u, v, 1, ground_u, ground_v, 1]
    return detections


@pytest.mark.parametrize(
    ("scale", "keys", "message"),
    [
        (0.5, ("bbox", "keypoints"), "the boxes lie in the upper left quarter of the images"),
        (0.5, ("bbox",), "the boxes lie in the upper left quarter"),
        (0.5, ("keypoints",), "the keypoints lie in the upper left quarter"),
        (1 / 3840, ("bbox", "keypoints"), "the boxes lie in the upper left quarter"),
        (2, ("bbox", "keypoints"), "% of the boxes lie out of the images, as if they were"),
        (2, ("keypoints",), "% of the keypoints lie out of the images"),
    ],
)
def test_wrong_scale(main, annotations, detections, tmp_path, capsys, scale, keys, message):
    path = write_zip(tmp_path, scaled(detections, scale, *keys))
    assert message in refused(capsys, check, main, path, annotations)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "it holds nothing; it needs results.json and metadata.json"),
        (["results.json"], "it holds results.json; it needs"),
        (["metadata.json"], "it holds metadata.json; it needs"),
        (["a/results.json", "a/metadata.json"], "it holds a/metadata.json, a/results.json; it"),
        (["results.json", "metadata.json", "notes.txt"], "in no folder, and nothing else"),
        (["results.json", "metadata.json", "../x"], "'../x' leads out of the folder"),
        (["results.json", "results.json", "metadata.json"], "'results.json' is there twice"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_wrong_layout(main, annotations, tmp_path, capsys, names, message):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "[]")
    assert message in refused(capsys, check, main, tmp_path / "other.zip", annotations)


def test_link_in_place_of_results(main, annotations, detections, tmp_path, capsys):
    link = zipfile.ZipInfo("results.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("metadata.json", json.dumps(METADATA))
    assert "is a link" in refused(capsys, check, main, tmp_path / "other.zip", annotations)


def test_large_submission(main, annotations, detections, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(main.__globals__, "MAX_SIZE", 2000)
    path = write_zip(tmp_path, detections)
    error = refused(capsys, check, main, path, annotations)
    assert "kB, more than 2.0 kB; submit no more than the best 100 detections an image" in error


def test_no_submission_at_all(main, annotations, tmp_path, capsys):
    assert "does not exist" in refused(capsys, check, main, tmp_path / "no.zip", annotations)
    (tmp_path / "results.json").write_text("[]")
    path = tmp_path / "results.json"
    assert "damaged or no zip archive" in refused(capsys, check, main, path, annotations)
    error = refused(capsys, check, main, path, tmp_path / "challenge_public.json")
    assert "challenge_public.json does not exist" in error
