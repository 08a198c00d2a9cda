"""What was fetched: ``manifest.json`` beside the archives."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from footmm.errors import DataFormatError
from footmm.simulation.export.folder import write_atomically

FILE = "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """An archive that was fetched whole.

    Attributes:
        size: Bytes.
        sha256: Checksum.
        source: Where it came from.
        files: Number of files that were extracted of it; 0 before that.
    """

    size: int
    sha256: str
    source: str
    files: int = 0


class Manifest:
    """The archives of a folder that were fetched, by name; written with every change."""

    def __init__(self, folder: Path) -> None:
        """Read the manifest of a folder, if there is one.

        Raises:
            DataFormatError: It is broken.
        """
        self.path = folder / FILE
        self._entries = self._read()

    def get(self, name: str) -> Fetched | None:
        """Return what is known of an archive."""
        return self._entries.get(name)

    def put(self, name: str, entry: Fetched) -> None:
        """Note an archive."""
        self._entries[name] = entry
        content = {key: dataclasses.asdict(value) for key, value in self._entries.items()}
        write_atomically(self.path, json.dumps(content, indent=2).encode())

    def _read(self) -> dict[str, Fetched]:
        if not self.path.is_file():
            return {}
        try:
            content = json.loads(self.path.read_bytes())
            return {name: Fetched(**entry) for name, entry in content.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise DataFormatError(
                f"{self.path} is broken ({error}); remove it: archives that are there are then "
                "checked again"
            ) from error


def sha256_of(path: Path) -> str:
    """Return the checksum of a file."""
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            checksum.update(chunk)
    return checksum.hexdigest()
