"""One file from a web server or Google Drive, by ``gdown``: resumed, and checked."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import gdown
import requests

from footmm.errors import DownloadError

#: Further attempts after a connection that broke.
RETRIES = 3
#: Seconds for the connection, and between two pieces of the file.
TIMEOUT_S = (10.0, 60.0)


def fetch_url(url: str, target: Path, checksum: tuple[str, str], size: int | None = None) -> None:
    """Download a file; what an earlier attempt has got of it is kept and continued.

    Args:
        url: Its address.
        target: Where it goes.
        checksum: Name of an algorithm of :mod:`hashlib`, and the right value.
        size: Its right size, bytes, where it is known.

    Raises:
        DownloadError: It did not arrive, or is another file than it should be.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    hasher = hashlib.new(checksum[0])
    try:
        gdown.download(
            url,
            str(target),
            quiet=not sys.stderr.isatty(),
            use_cookies=False,
            resume=True,
            timeout=TIMEOUT_S,
            retries=RETRIES,
            hasher=hasher,
        )
    except (gdown.exceptions.DownloadError, requests.RequestException, OSError) as error:
        raise DownloadError(_explain(url, target, error)) from error
    problem = _problem(target, hasher.hexdigest(), checksum, size)
    if problem is not None:
        target.unlink()
        raise DownloadError(
            f"{url}: {problem}, so it is another file than the one that is known; it was removed"
        )


def _problem(target: Path, found: str, checksum: tuple[str, str], size: int | None) -> str | None:
    if size is not None and target.stat().st_size != size:
        return f"{target.stat().st_size} bytes came, not {size}"
    if found != checksum[1]:
        return f"its {checksum[0]} is {found}, not {checksum[1]}"
    return None


def _explain(url: str, target: Path, error: Exception) -> str:
    partial = next(target.parent.glob(f"{target.name}*.part"), None)
    kept = (
        f"; {partial.stat().st_size} bytes are kept in {partial}: run this again to go on"
        if partial is not None and partial.stat().st_size
        else ""
    )
    reason = " ".join(str(error).split())
    return f"{url} could not be downloaded ({reason}){kept}"
