"""Arrange one annotated frame as a data set whose splits all consist of it, to be learned by heart.

tools/data/prepare_synloc_scene.py rgb.jpg annotations.json --out data/synloc_scene

The annotations are SynLoc's COCO json of that frame, as sskit's make_coco.py writes it; its example
scene is one. configs/synloc/yoloxpose_tiny_640_overfit_scene.py trains on the result.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from footmm.apis.cli import report_errors
from footmm.datasets.synloc.annotations import (
    ANNOTATION_FILES,
    IMAGE_FOLDERS,
    SynLocAnnotations,
    read_synloc_annotations,
)
from footmm.errors import DataFormatError

SPLITS = ("train", "val", "test")
IMAGES = "4k"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Arrange one annotated frame as a data set.")
    parser.add_argument("image", help="the frame")
    parser.add_argument("annotations", help="SynLoc's json of it")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="new folder")
    return parser.parse_args(argv)


def check_frame(image: Path, annotations: SynLocAnnotations) -> dict:
    """Return the entry of the frame.

    Raises:
        DataFormatError: There are other frames, no athletes, or the image has another size.
    """
    if len(annotations.images) != 1 or not annotations.is_annotated:
        raise DataFormatError(
            f"{annotations.path} has {len(annotations.images)} images; give the json of one frame "
            "with athletes"
        )
    (entry,) = annotations.images
    try:
        with Image.open(image) as file:
            size = file.size
    except (OSError, UnidentifiedImageError) as error:
        raise DataFormatError(f"cannot read the image '{image}': {error}") from error
    if size != (entry["width"], entry["height"]):
        raise DataFormatError(
            f"'{image}' is {size[0]} x {size[1]}, annotated for {entry['width']} x "
            f"{entry['height']}; give the frame at its full size"
        )
    return entry


def arrange(image: Path, annotations: SynLocAnnotations, out: Path) -> None:
    """Write the data set under a temporary name, then rename it.

    Raises:
        DataFormatError: See :func:`check_frame`; or the folder exists.
    """
    entry = check_frame(image, annotations)
    if out.exists():
        raise DataFormatError(f"'{out}' exists; remove it, or choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        root = Path(folder) / "set"
        (root / "annotations").mkdir(parents=True)
        for split in SPLITS:
            shutil.copyfile(annotations.path, root / "annotations" / ANNOTATION_FILES[split])
            target = root / IMAGES / IMAGE_FOLDERS[split] / entry["file_name"]
            target.parent.mkdir(parents=True)
            shutil.copyfile(image, target)
        root.rename(out)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        arrange(Path(args.image), read_synloc_annotations(args.annotations), Path(args.out))
        print(f"{args.out}: {', '.join(SPLITS)}, one frame each")


if __name__ == "__main__":
    main()
