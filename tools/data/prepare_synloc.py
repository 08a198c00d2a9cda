"""Arrange the downloaded SynLoc as SynLocDataset reads it, and check every image.

tools/data/prepare_synloc.py data/SoccerNet/SpiideoSynLoc --out data/synloc --images fullhd
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from PIL import Image
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from footmm.apis.archives import SafeArchive, open_archive
from footmm.apis.cli import report_errors
from footmm.datasets.synloc.annotations import (
    ANNOTATION_FILES,
    IMAGE_FOLDERS,
    read_synloc_annotations,
)
from footmm.datasets.synloc.spiideo import IMAGE_VERSIONS
from footmm.errors import DataFormatError, DatasetNotFoundError, FootmmError

EPILOG = """SoccerNet's Downloader gets the archives (task 'SpiideoSynLoc'; version='fullhd' for the
small images) as SpiideoSynLoc/{annotations,train,val,test,challenge}.zip. What is extracted already
goes as well: annotations/, and train/, val/, test/ and challenge/, there or in fullhd/ or 4K/.

Extracted folders are linked to, not copied; archives are extracted. Images are checked before they
are put into place: what the folder holds is right. A run that was stopped goes on where it was when
it is started again; with nothing left to do it checks what is there.
"""

#: Folders in which the images of a version are looked for, beside the given one itself.
DOWNLOADED_FOLDERS = {"fullhd": ("fullhd",), "4k": ("4K", "4k")}
#: Width of the largest images in the folder 'fullhd', pixels.
FULL_HD_WIDTH = 1920
NUM_SHOWN = 3
#: How the names of what is not whole yet end; they begin with a dot.
UNFINISHED = ".unfinished"

Advance = Callable[[int], None]
Size = tuple[int, int]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Arrange the downloaded SynLoc as SynLocDataset reads it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("archives", metavar="ARCHIVES", help="folder of the downloaded archives")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="e.g. data/synloc")
    parser.add_argument(
        "--images", choices=IMAGE_VERSIONS, default="fullhd", help="their resolution (fullhd)"
    )
    return parser.parse_args(argv)


@dataclass(frozen=True)
class Job:
    """What is to be arranged.

    Attributes:
        archives: Folder of the downloads.
        out: Folder to arrange them in.
        version: Resolution of the images.
        progress: Shows how it goes on.
    """

    archives: Path
    out: Path
    version: str
    progress: Progress

    def tell(self, text: str) -> None:
        """Print a line."""
        self.progress.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def start(self, text: str, total: int) -> Advance:
        """Show a bar, and return what moves it on."""
        return partial(self.progress.advance, self.progress.add_task(text, total=total))


class Images(Protocol):
    """The images of a split, where they were found."""

    def sizes(self) -> dict[str, int]:
        """Return the size of each file, bytes, by its name relative to the split's folder."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file to be read."""

    def put(self, target: Path, advance: Advance) -> str:
        """Make ``target`` the folder of these images, and return what was done."""


class ImageFolder:
    """Images that are extracted already."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def sizes(self) -> dict[str, int]:
        """Return the sizes of all files but hidden ones."""
        sizes = {}
        for folder, _, names in os.walk(self.path):
            for path in (Path(folder, name) for name in names if not is_hidden(name)):
                # A link to a file that is gone counts as a file that is unreadable.
                size = path.stat().st_size if path.exists() else 0
                sizes[path.relative_to(self.path).as_posix()] = size
        return sizes

    def open(self, name: str) -> IO[bytes]:
        """Open a file to be read."""
        return (self.path / name).open("rb")

    def put(self, target: Path, advance: Advance) -> str:
        """Make ``target`` a link to the folder."""
        link(target, self.path)
        return f"linked to {self.path}"


class ImageArchive:
    """Images in an archive, in a folder of any name there."""

    def __init__(self, archive: SafeArchive, names: Collection[str]) -> None:
        self._archive = archive
        self._prefix = find_prefix(archive.sizes, names)

    def __str__(self) -> str:
        return str(self._archive.path)

    def sizes(self) -> dict[str, int]:
        """Return the sizes of all files in the folder but hidden ones."""
        return {
            name[len(self._prefix) :]: size
            for name, size in self._archive.sizes.items()
            if name.startswith(self._prefix) and not is_hidden(PurePosixPath(name).name)
        }

    def open(self, name: str) -> IO[bytes]:
        """Open a file to be read."""
        return self._archive.open(self._prefix + name)

    def put(self, target: Path, advance: Advance) -> str:
        """Extract the images into a hidden folder, or what is missing there, and rename it."""
        staging = target.with_name(f".{target.name}{UNFINISHED}")
        files = {self._prefix + name: staging / name for name in self.sizes()}
        try:
            self._archive.extract(files, advance)
        except DataFormatError:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        # Where a stopped run extracted another archive.
        for name in ImageFolder(staging).sizes().keys() - self.sizes().keys():
            (staging / name).unlink()
        staging.rename(target)
        return f"extracted from {self}"


def is_hidden(name: str) -> bool:
    """Whether a file is one that operating systems leave everywhere."""
    return name.startswith(".")


def find_prefix(paths: Collection[str], names: Collection[str]) -> str:
    """Return what comes before most of the names in the paths, with the slash at its end."""
    prefixes: Counter[str] = Counter()
    for path in paths:
        parts = path.split("/")
        for depth in range(len(parts)):
            if "/".join(parts[depth:]) in names:
                prefixes["".join(f"{part}/" for part in parts[:depth])] += 1
    return max(prefixes, key=prefixes.__getitem__, default="")


def link(target: Path, source: Path) -> None:
    try:
        target.symlink_to(source.resolve(), target_is_directory=source.is_dir())
    except OSError as error:
        raise DataFormatError(
            f"cannot link {target} to {source} ({error}); give an --out on a disk that has links, "
            "or the archives without what was extracted of them"
        ) from error


def check_no_broken_link(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise DataFormatError(f"{path} is a link to {path.readlink()}, which is gone; remove it")


def differs(target: Path, source: object, example: str = "") -> DataFormatError:
    return DataFormatError(
        f"{target} exists and is not what {source} holds{example}; remove one of them, or give "
        "another --out"
    )


def put_annotations(job: Job, split: str) -> dict[str, Size] | None:
    """Put the annotation file of a split into place, unless it is there.

    Returns:
        Width and height that each image is annotated for, pixels, by its name; None if there is no
        such file.

    Raises:
        DataFormatError: The file is broken, or another one is in its place.
    """
    name = ANNOTATION_FILES[split]
    target = job.out / "annotations" / name
    check_no_broken_link(target)
    source, packed = job.archives / "annotations" / name, job.archives / "annotations.zip"
    if source.is_file():
        return link_annotations(source, target)
    if packed.is_file():
        with open_archive(packed) as archive:
            found = [path for path in archive.sizes if PurePosixPath(path).name == name]
            if len(found) > 1:
                raise DataFormatError(f"{packed} holds {' and '.join(found)}: which one is right?")
            if found:
                return extract_annotations(archive, found[0], target)
    return annotated_sizes(target) if target.exists() else None


def link_annotations(source: Path, target: Path) -> dict[str, Size]:
    if target.exists():
        if not filecmp.cmp(source, target, shallow=False):
            raise differs(target, source)
        return annotated_sizes(target)
    sizes = annotated_sizes(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    link(target, source)
    return sizes


def extract_annotations(archive: SafeArchive, name: str, target: Path) -> dict[str, Size]:
    if target.exists():
        if not archive.is_extracted(name, target):
            raise differs(target, archive.path)
        return annotated_sizes(target)
    staged = target.with_name(f".{target.name}{UNFINISHED}")
    try:
        archive.extract({name: staged})
        sizes = annotated_sizes(staged)
        staged.rename(target)
    except DataFormatError as error:
        raise DataFormatError(f"{target.name} of {archive.path}: {error}") from error
    finally:
        staged.unlink(missing_ok=True)
    return sizes


def annotated_sizes(path: Path) -> dict[str, Size]:
    # All annotations of a split are gigabytes in memory: no more is kept of them.
    images = read_synloc_annotations(path).images
    return {image["file_name"]: (image["width"], image["height"]) for image in images}


def put_images(job: Job, split: str, annotated: Mapping[str, Size]) -> str:
    """Check the images of a split and put them into place, unless they are there.

    Returns:
        What was done.

    Raises:
        DatasetNotFoundError: There are no images.
        DataFormatError: Images are not as annotated, or others are in their place.
    """
    target = job.out / job.version / IMAGE_FOLDERS[split]
    with find_images(job, target.name, annotated) as images:
        placed = images_in_place(target, images)
        checked = placed or images
        if checked is None:
            raise DatasetNotFoundError(f"there are no images ({target.name}.zip, {target.name}/)")
        advance = job.start(f"{split}: checking", len(annotated))
        problems = find_problems(checked, annotated, job.version, advance)
        if problems:
            lines = [f"{checked} does not fit {ANNOTATION_FILES[split]}:", *problems]
            raise DataFormatError("\n  ".join(lines))
        if placed is not None:
            return f"are in {placed}"
        target.parent.mkdir(parents=True, exist_ok=True)
        return checked.put(target, job.start(f"{split}: extracting", len(annotated)))


@contextmanager
def find_images(job: Job, folder: str, names: Collection[str]) -> Iterator[Images | None]:
    """Find the images of a split among the downloads; a folder goes before an archive.

    Args:
        job: What is to be arranged.
        folder: Name of the folder or archive.
        names: Names of the images.
    """
    places = [*(job.archives / name for name in DOWNLOADED_FOLDERS[job.version]), job.archives]
    for place in places:
        if (place / folder).is_dir():
            yield ImageFolder(place / folder)
            return
    for place in places:
        if (place / f"{folder}.zip").is_file():
            with open_archive(place / f"{folder}.zip") as archive:
                yield ImageArchive(archive, names)
            return
    yield None


def images_in_place(target: Path, images: Images | None) -> ImageFolder | None:
    """Return the images that are in place.

    Raises:
        DataFormatError: They are others than those that were found among the downloads.
    """
    check_no_broken_link(target)
    if not target.exists():
        return None
    if not target.is_dir():
        raise DataFormatError(f"{target} is a file, not a folder of images; remove it")
    placed = ImageFolder(target)
    if images is None or (isinstance(images, ImageFolder) and images.path.samefile(target)):
        return placed
    differing = sorted(placed.sizes().items() ^ images.sizes().items())
    if differing:
        raise differs(target, images, f" (e.g. {differing[0][0]})")
    return placed


def find_problems(
    images: Images, annotated: Mapping[str, Size], version: str, advance: Advance
) -> list[str]:
    """Compare images with their annotations; no image is decoded, only its header is read.

    Returns:
        A line for each kind of problem.
    """
    names = images.sizes().keys()
    groups: dict[str, list[str]] = {}
    for name, size in annotated.items():
        problem = find_problem(images, name, size, version) if name in names else "missing"
        if problem is not None:
            groups.setdefault(problem, []).append(name)
        advance(1)
    groups["not annotated"] = sorted(names - annotated.keys())
    return [f"{len(found)} {problem}: {some(found)}" for problem, found in groups.items() if found]


def find_problem(images: Images, name: str, annotated: Size, version: str) -> str | None:
    """Return what is wrong with an image, None if nothing is."""
    try:
        with images.open(name) as file, Image.open(file) as image:
            size = image.size
    # A damaged file makes zipfile and Pillow fail in any way there is.
    except Exception:
        return "unreadable"
    found = f"of {size[0]} x {size[1]} pixels"
    if size[0] * annotated[1] != size[1] * annotated[0]:
        return f"{found}, another shape than the annotated {annotated[0]} x {annotated[1]}"
    if version == "4k" and size != annotated:
        return f"{found}, not the {annotated[0]} x {annotated[1]} of --images 4k"
    if version == "fullhd" and size[0] > FULL_HD_WIDTH:
        return f"{found}, larger than Full HD: give --images 4k"
    return None


def some(names: list[str]) -> str:
    rest = len(names) - NUM_SHOWN
    return ", ".join(names[:NUM_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def prepare(job: Job) -> None:
    """Put all splits into place that are there, and say what was done.

    Raises:
        DatasetNotFoundError: No split is there.
        DataFormatError: Something is not right; the splits that are right are in place.
    """
    if not job.archives.is_dir():
        raise DatasetNotFoundError(f"{job.archives} is no folder; give the one of the archives")
    annotated_splits = {split: put_annotations(job, split) for split in ANNOTATION_FILES}
    num_splits, problems = 0, []
    for split, annotated in annotated_splits.items():
        if annotated is None:
            job.tell(f"{split}: left out, there is no {ANNOTATION_FILES[split]}")
            continue
        try:
            done = put_images(job, split, annotated)
        except DatasetNotFoundError as error:
            job.tell(f"{split}: left out, {error}")
        except DataFormatError as error:
            problems.append(f"{split}: {error}")
        else:
            num_splits += 1
            job.tell(f"{split}: {len(annotated)} images, all as annotated, {done}")
    if problems:
        raise DataFormatError("\n".join(problems))
    if not num_splits:
        raise DatasetNotFoundError(
            f"{job.archives} holds no split that is complete; it needs annotations.zip and "
            "train.zip, val.zip, test.zip or challenge.zip (or folders of these names), as "
            "SoccerNet's Downloader writes them into SpiideoSynLoc/"
        )


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        report_errors(),
        Progress(
            *columns, TimeRemainingColumn(), transient=True, disable=not sys.stdout.isatty()
        ) as progress,
    ):
        job = Job(Path(args.archives), Path(args.out), args.images, progress)
        try:
            prepare(job)
        except FootmmError:
            raise
        except OSError as error:
            raise DataFormatError(f"cannot write {job.out}: {error}") from error
        job.tell(f"{job.out} is ready for SynLocDataset, with images='{job.version}'")


if __name__ == "__main__":
    main()
