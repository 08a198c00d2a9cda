"""Write the boxes of tracking sequences as COCO json: players, ball and referees.

tools/data/tracking_to_coco.py data/soccernet/tracking/train --every 25 --out data/train.json
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from footmm.apis.cli import report_errors
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.datasets.detection import MOTDataset, SoccerNetTrackingDataset
from footmm.datasets.detection.sequences import SequenceDataset
from footmm.datasets.mot import GAME_FILE, INFO_FILE
from footmm.errors import ConfigError
from footmm.simulation.export.folder import encode_json
from footmm.structures.detected_objects import CLASSES

EPILOG = """SEQUENCES is a folder of sequences of SoccerNet's tracking task. Other folders in the
MOT layout have no gameinfo.ini to tell who is who: say with --category what all their boxes are.

The names of the images in the json are relative to SEQUENCES.
"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write the boxes of tracking sequences as COCO json.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="SEQUENCES", help="each with gt/gt.txt")
    parser.add_argument("--category", choices=CLASSES, help="of all boxes; without gameinfo.ini")
    parser.add_argument("--every", type=int, default=1, help="take every n-th frame (1)")
    parser.add_argument("--sequences", nargs="+", metavar="NAME", help="take these only")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.json")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    return parser.parse_args(argv)


def read_frames(args: argparse.Namespace) -> SequenceDataset:
    """Return the chosen frames.

    Raises:
        FootmmError: An argument makes no sense, or a file is missing or broken.
    """
    options = dict(every=args.every, sequences=args.sequences, test_mode=True)
    if args.category is not None:
        return MOTDataset(args.folder, args.category, **options)
    if any(args.folder.glob(f"*/{INFO_FILE}")) and not any(args.folder.glob(f"*/{GAME_FILE}")):
        raise ConfigError(
            f"no sequence of {args.folder} has a {GAME_FILE}; give --category for their boxes"
        )
    return SoccerNetTrackingDataset(args.folder, split=None, **options)


def to_coco(samples: Iterable[Mapping[str, Any]], folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the content of the file; ids of categories and annotations count from 1."""
    images, annotations = [], []
    for sample in samples:
        name = Path(sample["img_path"]).relative_to(folder).as_posix()
        size = {"width": sample["width"], "height": sample["height"]}
        images.append({"id": sample["img_id"], "file_name": name} | size)
        for instance in sample["instances"]:
            ids = {"id": 1 + len(annotations), "image_id": sample["img_id"]}
            annotations.append(ids | to_annotation(instance))
    categories = [{"id": 1 + label, "name": name} for label, name in enumerate(CLASSES)]
    return {"images": images, "annotations": annotations, "categories": categories}


def to_annotation(instance: Mapping[str, Any]) -> dict[str, Any]:
    left, top, right, bottom = instance["bbox"]
    return {
        "category_id": 1 + instance["bbox_label"],
        "bbox": [left, top, right - left, bottom - top],
        "area": instance["area"],
        "iscrowd": instance["ignore_flag"],
    }


def print_summary(annotations: Sequence[Mapping[str, Any]], dropped: Mapping[str, int]) -> None:
    counts = Counter(annotation["category_id"] for annotation in annotations)
    rows = [(name, counts[1 + label]) for label, name in enumerate(CLASSES)]
    rows += [(f"dropped: {kind}", count) for kind, count in dropped.items()]
    width = max(len(name) for name, _ in rows)
    for name, count in rows:
        print(f"{name:<{width}}  {count:>8}")


def write(path: Path, content: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        AtomicLocalBackend().put(encode_json(content), path)
    except OSError as error:
        raise ConfigError(f"--out {path} cannot be written: {error}") from error


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        if args.out.exists() and not args.overwrite:
            raise ConfigError(f"--out {args.out} exists; replace it with --overwrite")
        dataset = read_frames(args)
        samples = (dataset.get_data_info(number) for number in range(len(dataset)))
        content = to_coco(samples, args.folder)
        write(args.out, content)
        print_summary(content["annotations"], dataset.dropped_boxes)
        print(
            f"wrote {len(content['images'])} images to {args.out}; read it with "
            f"CocoDetectionDataset(data_root='{args.folder}', "
            f"ann_file='{os.path.abspath(args.out)}')"
        )


if __name__ == "__main__":
    main()
