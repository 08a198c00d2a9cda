"""Write a SynLoc challenge submission from the predictions of tools/test.py --out, or check one.

tools/data/make_synloc_submission.py RESULTS.pkl --checkpoint CHECKPOINT
--annotations data/synloc/annotations/challenge_public.json --out submission.zip

tools/data/make_synloc_submission.py --check submission.zip
--annotations data/synloc/annotations/challenge_public.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from footmm.apis.archives import open_archive, pack_files
from footmm.apis.cli import report_errors
from footmm.apis.predictions import load_predictions, write_submission
from footmm.compat.checkpoints import load_checkpoint_file
from footmm.datasets.synloc.annotations import (
    CAMERA_KEYS,
    KEYPOINT_NAMES,
    SynLocAnnotations,
    read_synloc_annotations,
)
from footmm.engine.hooks.score_threshold import read_threshold
from footmm.errors import CheckpointError, DataFormatError
from footmm.pitch.frames import world_to_synloc
from footmm.simulation.export.folder import format_size
from footmm.structures.localised_athletes import PELVIS_GROUND, LocalisedAthletes

EPILOG = """The zip holds what the official scoring (Spiideo/sskit, codabench) reads:
results.json, a list of detections in COCO's format for the annotated size, 3840 x 2160, whatever
size the images have; and metadata.json with the score threshold, and the number of the keypoint
that the server puts on the pitch by the image's camera. Detections below the threshold are in it
too, as mAP-LocSim is taken of all; precision, recall and F1 are taken at the threshold.
"""

RESULTS_FILE, METADATA_FILE = "results.json", "metadata.json"
REQUIRED_KEYS = ("img_id", "img_path", "camera", "pred_instances")

#: Bytes. The rules name no limit, and Codabench has none but the 15 GB that an account may store
#: (codalab/codabench issue 1916); this is what its predecessor took (codalab/codalab-competitions
#: issue 3394). The 100 detections an image that are evaluated at most take 60 MB for the challenge.
MAX_SIZE = 300_000_000
#: What detections that cannot be submitted are: the server would put the first ones somewhere.
OFF_GROUND = "whose keypoint on the ground is nan or looks above the horizon"
BOXLESS = "without a box inside the image"
#: Of a detection's numbers. Less than 0.1 mm where a pixel covers a metre.
DECIMALS = 4
#: Share of the detections in the upper left quarter, where all of them are if they have the pixels
#: of Full HD images; of SynLoc's own athletes 60 to 80 % are there.
NEARLY_ALL = 0.98
#: Share of the detections out of the image: 20 to 40 % if they have twice the pixels, else none.
TOO_MANY_OUTSIDE = 0.15


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write a SynLoc challenge submission, or check one.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", nargs="?", metavar="RESULTS.pkl", help="tools/test.py --out")
    parser.add_argument(
        "--annotations", required=True, metavar="FILE", help="of the split, challenge_public.json"
    )
    parser.add_argument("--out", metavar="SUBMISSION.zip", help="file to write")
    parser.add_argument("--check", metavar="SUBMISSION.zip", help="check this one, write nothing")
    threshold = parser.add_mutually_exclusive_group()
    threshold.add_argument("--checkpoint", help="that predicted: take its validation's threshold")
    threshold.add_argument("--score-threshold", type=float, metavar="T", help="take this one")
    args = parser.parse_args(argv)
    writing = {
        "RESULTS.pkl": args.results is not None,
        "--out": args.out is not None,
        "--checkpoint or --score-threshold": (args.checkpoint, args.score_threshold)
        != (None, None),
    }
    if args.check is not None and any(writing.values()):
        parser.error("--check writes nothing: give --annotations only")
    if args.check is None and not all(writing.values()):
        missing = [name for name, is_given in writing.items() if not is_given]
        parser.error(f"these are needed as well: {', '.join(missing)}")
    return args


def find_threshold(args: argparse.Namespace) -> float:
    """Return the score threshold that was found on validation.

    Raises:
        CheckpointError: The checkpoint has none.
    """
    if args.checkpoint is None:
        return args.score_threshold
    threshold = read_threshold(load_checkpoint_file(args.checkpoint))
    if threshold is None:
        raise CheckpointError(
            f"checkpoint '{args.checkpoint}' carries no score threshold, as these weights were "
            "not validated with ScoreThresholdHook and LocSimMetric. Test it on the validation "
            "split, and give the score_threshold that is printed there with --score-threshold"
        )
    return threshold


@dataclass(frozen=True)
class Collected:
    """The predictions of a split.

    Attributes:
        detections: Entries of results.json.
        num_images: Images that were predicted.
        left_out: Number of detections that cannot be submitted, by what they are.
    """

    detections: list[dict[str, Any]]
    num_images: int
    left_out: Counter[str]


def collect_detections(
    samples: Sequence[Mapping[str, Any]], annotations: SynLocAnnotations
) -> Collected:
    """Return the detections, the same ones whatever the order of the samples.

    Raises:
        DataFormatError: A sample lacks something, is there twice, or is not of these annotations.
    """
    images = {image["id"]: image for image in annotations.images}
    by_image: dict[int, LocalisedAthletes] = {}
    for sample in samples:
        athletes = LocalisedAthletes.from_sample(sample)
        if athletes.image_id in by_image:
            raise DataFormatError(f"image {athletes.image_id} is predicted twice")
        check_is_of_split(sample, images.get(athletes.image_id), annotations.path)
        by_image[athletes.image_id] = athletes
    collected = Collected([], len(by_image), Counter())
    for image_id, athletes in sorted(by_image.items()):
        # SynLoc has one category, the person.
        ids = {"image_id": image_id, "category_id": annotations.category_ids[0]}
        detections, left_out = encode_athletes(athletes)
        collected.detections.extend(ids | detection for detection in detections)
        collected.left_out.update(left_out)
    return collected


def check_is_of_split(
    sample: Mapping[str, Any], image: Mapping[str, Any] | None, path: Path
) -> None:
    """Compare the cameras: the ids and names of all splits are the same numbers from 0 on."""
    if image is not None and all(
        np.array_equal(sample["camera"][key], image[key]) for key in CAMERA_KEYS
    ):
        return
    what = "is not there" if image is None else "has another camera there"
    raise DataFormatError(
        f"image {sample['img_id']} ({sample['img_path']}) is predicted, but {what}: {path} is of "
        "another split or data set; give the annotations of the split that was predicted"
    )


def encode_athletes(athletes: LocalisedAthletes) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Return the entries of results.json for an image, without the ids, and what is left out."""
    positions = athletes.positions_from_keypoint(PELVIS_GROUND)
    left, top, right, bottom = athletes.bboxes.T
    boxes = np.round(np.stack([left, top, right - left, bottom - top], axis=1), DECIMALS)
    keypoints = np.round(athletes.keypoints, DECIMALS)
    is_on_ground = np.isfinite(positions).all(1) & np.isfinite(keypoints).all((1, 2))
    has_box = np.isfinite(boxes).all(1) & (boxes[:, 2:] > 0).all(1)
    columns = {
        "bbox": boxes,
        "keypoints": np.insert(keypoints, 2, 1.0, axis=2).reshape(-1, 6),
        "score": athletes.scores,
        # The server goes by the keypoint; this is for other readers.
        "position_on_pitch": np.round(world_to_synloc(positions), DECIMALS),
    }
    chosen = [values[is_on_ground & has_box].tolist() for values in columns.values()]
    left_out = Counter(
        {OFF_GROUND: int((~is_on_ground).sum()), BOXLESS: int((is_on_ground & ~has_box).sum())}
    )
    return [dict(zip(columns, row, strict=True)) for row in zip(*chosen, strict=True)], left_out


def pack_submission(detections: Sequence[Mapping[str, Any]], score_threshold: float) -> bytes:
    """Return the zip, with the same bytes for the same detections."""
    metadata = {
        "score_threshold": score_threshold,
        "position_from_keypoint_index": PELVIS_GROUND,
    }
    return pack_files(
        {
            RESULTS_FILE: json.dumps(detections).encode(),
            METADATA_FILE: json.dumps(metadata).encode(),
        }
    )


@dataclass(frozen=True)
class Submission:
    """What a submission that is right holds.

    Attributes:
        num_detections: Detections.
        num_empty_images: Images of the split without a detection, which are allowed.
        score_threshold: From the metadata.
    """

    num_detections: int
    num_empty_images: int
    score_threshold: float


def check_submission(
    path: str | Path, annotations: SynLocAnnotations, content: bytes | None = None
) -> Submission:
    """Check that the official scoring reads a submission, and reads it as it is meant.

    Args:
        path: The zip.
        annotations: Of the split.
        content: The zip's bytes, where it is not written yet.

    Raises:
        DataFormatError: It breaks a rule, or holds what cannot be meant.
    """
    with open_archive(path, content) as archive:
        size = Path(path).stat().st_size if content is None else len(content)
        try:
            if size > MAX_SIZE:
                raise DataFormatError(
                    f"it has {format_size(size)}, more than {format_size(MAX_SIZE)}; submit no "
                    "more than the best 100 detections an image, all that is evaluated"
                )
            if set(archive.sizes) != {RESULTS_FILE, METADATA_FILE}:
                raise DataFormatError(
                    f"it holds {', '.join(sorted(archive.sizes)[:5]) or 'nothing'}; it needs "
                    f"{RESULTS_FILE} and {METADATA_FILE}, in no folder, and nothing else"
                )
            threshold = check_metadata(read_json(METADATA_FILE, archive.read(METADATA_FILE)))
            detections = read_json(RESULTS_FILE, archive.read(RESULTS_FILE))
            check_detections(detections, annotations)
            check_scale(detections, annotations)
            check_threshold(detections, threshold)
        except DataFormatError as error:
            raise DataFormatError(f"{path} must not be submitted: {error}") from error
    found = {detection["image_id"] for detection in detections}
    return Submission(len(detections), len(annotations.images) - len(found), threshold)


def read_json(name: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{name} is not valid JSON ({error})") from error


def check_metadata(metadata: Any) -> float:
    """Return the score threshold."""
    keys = ("score_threshold", "position_from_keypoint_index")
    if not isinstance(metadata, dict) or not metadata.keys() >= set(keys):
        raise DataFormatError(f"{METADATA_FILE} is no object with the keys {' and '.join(keys)}")
    threshold, index = (metadata[key] for key in keys)
    if not is_number(threshold):
        raise DataFormatError(
            f"{METADATA_FILE}: score_threshold is {shorten(threshold)}, not a finite number; it is "
            "the one that validation has found"
        )
    if not is_integer(index) or index not in range(len(KEYPOINT_NAMES)):
        raise DataFormatError(
            f"{METADATA_FILE}: position_from_keypoint_index is {shorten(index)}, not "
            f"{PELVIS_GROUND} for the keypoint on the ground, or 0 for the pelvis"
        )
    return float(threshold)


def check_detections(detections: Any, annotations: SynLocAnnotations) -> None:
    """Check each detection by itself."""
    if not isinstance(detections, list):
        raise DataFormatError(f"{RESULTS_FILE} is no list of detections")
    if not detections:
        raise DataFormatError(f"{RESULTS_FILE} holds no detection, which the server fails on")
    image_ids, category_ids = annotations.annotations.keys(), set(annotations.category_ids)
    for number, detection in enumerate(detections):
        problem = find_problem(detection, image_ids, category_ids)
        if problem is not None:
            raise DataFormatError(f"{RESULTS_FILE}: detection {number} (from 0) {problem}")


def find_problem(
    detection: Any, image_ids: Collection[int], category_ids: Collection[int]
) -> str | None:
    """Return what is wrong with a detection, None if nothing is."""
    if not isinstance(detection, dict):
        return f"is {shorten(detection)}, not an object"
    for key, known in (("image_id", image_ids), ("category_id", category_ids)):
        value = detection.get(key)
        if not is_integer(value):
            return f"has the {key} {shorten(value)}, not a whole number"
        if value not in known:
            return f"has the {key} {value}, which the split's annotations do not have"
    if not is_number(detection.get("score")):
        return f"has the score {shorten(detection.get('score'))}, not a finite number"
    if not is_list_of_numbers(detection.get("bbox"), (4,)):
        return f"has the bbox {shorten(detection.get('bbox'))}, not 4 finite numbers"
    if min(detection["bbox"][2:]) <= 0:
        return f"has the bbox {detection['bbox']}, whose width or height is not positive"
    if not is_list_of_numbers(detection.get("keypoints"), (6,)):
        return (
            f"has the keypoints {shorten(detection.get('keypoints'))}, not 6 finite numbers in a "
            "flat list: u, v, 1 of the pelvis, u, v, 1 of the ground below it"
        )
    if not is_list_of_numbers(detection.get("position_on_pitch", [0, 0]), (2, 3)):
        place = shorten(detection["position_on_pitch"])
        return f"has the position_on_pitch {place}, not 2 or 3 finite numbers"
    return None


def check_scale(detections: Sequence[Mapping[str, Any]], annotations: SynLocAnnotations) -> None:
    """Refuse pixels that are not those of the annotated size."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in annotations.images}
    annotated = np.array([sizes[detection["image_id"]] for detection in detections])
    boxes = np.array([detection["bbox"] for detection in detections], float)
    keypoints = np.array([detection["keypoints"] for detection in detections], float)
    points = {
        "boxes": boxes[:, :2] + boxes[:, 2:] / 2,
        "keypoints": keypoints[:, 3 * PELVIS_GROUND :][:, :2],
    }
    width, height = annotated[0]
    for name, pixels in points.items():
        shares = pixels / annotated
        if (shares < 0.5).all(1).mean() >= NEARLY_ALL:
            raise DataFormatError(
                f"the {name} lie in the upper left quarter of the images, as those found in Full "
                f"HD images would: bring them to the annotated size, {width} x {height} pixels "
                "(tools/test.py and this tool do)"
            )
        share_outside = ((shares < 0) | (shares > 1)).any(1).mean()
        if share_outside >= TOO_MANY_OUTSIDE:
            raise DataFormatError(
                f"{share_outside:.0%} of the {name} lie out of the images, as if they were brought "
                f"to the annotated size, {width} x {height} pixels, twice"
            )


def check_threshold(detections: Sequence[Mapping[str, Any]], threshold: float) -> None:
    """Refuse a threshold that belongs to other scores."""
    best = max(detection["score"] for detection in detections)
    if best < threshold:
        raise DataFormatError(
            f"no score reaches the score_threshold {threshold:g} (the best one is {best:g}): it "
            "needs to be that of the same model on validation"
        )


def is_number(value: Any) -> bool:
    # JSON may hold nan, and whole numbers that are larger than any float.
    is_real = isinstance(value, float) or is_integer(value)
    return is_real and abs(value) <= sys.float_info.max


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_list_of_numbers(value: Any, lengths: tuple[int, ...]) -> bool:
    return isinstance(value, list) and len(value) in lengths and all(map(is_number, value))


def shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        annotations = read_synloc_annotations(args.annotations)
        if args.check is not None:
            submission = check_submission(args.check, annotations)
            print(f"{args.check} is as the rules want it: {describe(submission)}")
            return
        threshold = find_threshold(args)
        collected = collect_detections(load_predictions(args.results, REQUIRED_KEYS), annotations)
        content = pack_submission(collected.detections, threshold)
        submission = check_submission(args.out, annotations, content)
        write_submission(args.out, content)
        print(f"wrote {args.out}: {describe(submission)}")
        for what, number in collected.left_out.items():
            if number:
                print(f"left out: {number} detections {what}")
        num_missing = len(annotations.images) - collected.num_images
        if num_missing:
            print(f"not predicted: {num_missing} of {len(annotations.images)} images")


def describe(submission: Submission) -> str:
    return (
        f"{submission.num_detections} detections, score threshold "
        f"{submission.score_threshold:.4f}, {submission.num_empty_images} images without a "
        "detection"
    )


if __name__ == "__main__":
    main()
