"""Files that grow while results come, and have their name only when they are closed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

#: Takes an open file, and whether all was written that was to be.
Finish = Callable[[TextIO, bool], None]


def temporary_name(path: Path) -> Path:
    """Where a file grows until it is whole: hidden, beside its place, with its suffix."""
    # OpenCV chooses the container of a video by the suffix.
    return path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")


@contextmanager
def at_end(finish: Callable[[bool], None]) -> Iterator[None]:
    """Call a function when the context ends, however it ends.

    Args:
        finish: Is told whether the context ended without an error.
    """
    complete = False
    try:
        yield
        complete = True
    finally:
        finish(complete)


@contextmanager
def growing_file(path: Path, finish: Finish | None = None) -> Iterator[TextIO]:
    """Open a text file that gets its name when the context ends, however it ends.

    Args:
        path: The file.
        finish: Writes its end; is told whether the context ended without an error.

    Yields:
        The open file.
    """
    unfinished = temporary_name(path)
    file = open(unfinished, "w", encoding="utf-8", newline="\n")  # noqa: SIM115

    def close(complete: bool) -> None:
        with file:
            if finish is not None:
                finish(file, complete)
        os.replace(unfinished, path)

    with at_end(close):
        yield file


@contextmanager
def growing_json(
    path: Path, key: str, rest: Callable[[], Mapping[str, Any]]
) -> Iterator[Callable[[str, Any], None]]:
    """Write a json object whose first value is an object of many entries.

    Beside it stand ``complete``, whether the context ended without an error, and the rest.

    Args:
        path: The file.
        key: Of the object that grows.
        rest: Tells the other keys and values when the context ends.

    Yields:
        What writes an entry, by its key and value.
    """

    def finish(file: TextIO, complete: bool) -> None:
        end = json.dumps({"complete": complete, **rest()}, indent=1)
        file.write("\n },\n" + end.removeprefix("{\n") + "\n")

    separator = ""
    with growing_file(path, finish) as file:
        file.write(f"{{\n {json.dumps(key)}: {{")

        def write(name: str, value: Any) -> None:
            nonlocal separator
            file.write(f"{separator}\n  {json.dumps(name)}: {json.dumps(value)}")
            separator = ","

        yield write
