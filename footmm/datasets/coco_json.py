"""What the readers of COCO json share: checks that name file, entry and value."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from footmm.datasets.base import LARGEST_NUMBER
from footmm.errors import DataFormatError


def read_entries(
    content: Mapping[str, Any], key: str, path: Path, hint: str, may_be_empty: bool = False
) -> list[dict[str, Any]]:
    """Return the entries of a list of the file.

    Args:
        content: The file's object.
        key: E.g. ``images``.
        path: The file.
        hint: What to do where it is no list.
        may_be_empty: Whether it may have no entries.

    Raises:
        DataFormatError: It is no list of objects.
    """
    entries = content.get(key)
    if not isinstance(entries, list) or not (entries or may_be_empty):
        wanted = "a list" if may_be_empty else "a list with entries"
        raise DataFormatError(f"{path}: '{key}' is {str(entries)[:40]}, not {wanted}; {hint}")
    for entry in entries:
        if not isinstance(entry, dict):
            raise DataFormatError(f"{path}: '{key}' holds {str(entry)[:40]}, not an object")
    return entries


def check_image(image: Mapping[str, Any], path: Path) -> int:
    """Check ``id``, ``file_name``, ``width`` and ``height`` of an image, and return its id.

    Raises:
        DataFormatError: One is missing or has a wrong value.
    """
    image_id = integer(image, "id", f"{path}: an image")
    place = f"{path}: image {image_id}"
    name = image.get("file_name")
    if not isinstance(name, str) or not _is_plain_name(name):
        raise DataFormatError(f"{place}: 'file_name' is {name!r}, not the name of a file")
    for key in ("width", "height"):
        if integer(image, key, place) < 1:
            raise DataFormatError(f"{place}: {key!r} is {image[key]}")
    return image_id


def check_annotation(entry: Mapping[str, Any], images: Container[int], path: Path) -> str:
    """Check ``id``, ``image_id`` and ``bbox`` of an annotation.

    Args:
        entry: The annotation.
        images: Ids of the images.
        path: The file.

    Returns:
        File and annotation, for messages.

    Raises:
        DataFormatError: One is missing or has a wrong value.
    """
    place = f"{path}: annotation {integer(entry, 'id', f'{path}: an annotation')}"
    if integer(entry, "image_id", place) not in images:
        raise DataFormatError(f"{place}: there is no image {entry['image_id']}")
    check_numbers(entry, "bbox", (4,), place)
    return place


def check_unique(ids: Iterable[Any], kind: str, path: Path) -> None:
    """Refuse an id that is there twice.

    Args:
        ids: The ids.
        kind: Of what, in the plural.
        path: The file.

    Raises:
        DataFormatError: See above.
    """
    seen = set()
    for number in ids:
        if number in seen:
            raise DataFormatError(f"{path}: two {kind} have the id {number}")
        seen.add(number)


def check_numbers(entry: Mapping[str, Any], key: str, shape: tuple[int, ...], place: str) -> None:
    """Refuse what is no nested list of finite numbers.

    Raises:
        DataFormatError: See above.
    """
    if not _has_shape(entry.get(key), shape):
        wanted = "a number" if not shape else f"finite numbers of shape {shape}"
        raise DataFormatError(f"{place}: {key!r} is {str(entry.get(key))[:60]}, not {wanted}")


def integer(entry: Mapping[str, Any], key: str, place: str) -> int:
    """Return a whole number.

    Raises:
        DataFormatError: It is something else.
    """
    value = entry.get(key)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or abs(value) >= LARGEST_NUMBER:
        raise DataFormatError(f"{place}: {key!r} is {repr(value)[:60]}, not a whole number")
    return value


def _is_plain_name(name: str) -> bool:
    """Whether a name stays in the folder it is looked up in."""
    parts = name.replace("\\", "/").split("/")
    return all(part not in ("", ".", "..") for part in parts) and ":" not in name


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    # Written out, not with NumPy: a million small arrays would take minutes.
    if not shape:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        # Nothing that is compared with nan is smaller.
        return is_number and abs(value) < LARGEST_NUMBER
    if not isinstance(value, list) or len(value) != shape[0]:
        return False
    return all(_has_shape(part, shape[1:]) for part in value)
