"""Files of the Hugging Face Hub.

``huggingface_hub`` (2.4) drops what it has of a file when it is interrupted, which loses up to 12
GB of SoccerNet's largest archive. Its own transfer can continue a file; it is used here with a file
that stays.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from footmm.apis.downloads.manifest import sha256_of
from footmm.errors import DownloadError

#: How often a file is asked for.
ATTEMPTS = 3
WAIT_S = 1.0


@dataclass(frozen=True)
class HubFile:
    """A file in a data set's repository.

    Attributes:
        repository: ``owner/name``.
        revision: Branch or commit.
        path: Its path there.
        size: Bytes.
        sha256: Checksum; None of small files.
    """

    repository: str
    revision: str
    path: str
    size: int
    sha256: str | None


def endpoint() -> str:
    """Return the address of the Hub; ``HF_ENDPOINT`` changes it."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def list_files(repository: str, revision: str, patterns: Sequence[str]) -> list[HubFile]:
    """Ask the Hub for the files of a data set's repository.

    Args:
        repository: ``owner/name``.
        revision: Branch or commit.
        patterns: Which files, as ``snapshot_download`` takes them.

    Raises:
        DownloadError: A name among the patterns is not there, or there was no answer.
        HfHubHTTPError: There is no such repository, or no permission.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import filter_repo_objects

    try:
        info = HfApi().dataset_info(repository, revision=revision, files_metadata=True)
    except OSError:
        raise
    # A connection that breaks is another exception with each HTTP client.
    except Exception as error:
        raise DownloadError(f"{endpoint()} did not answer for {repository}: {error}") from error
    files = [
        HubFile(repository, info.sha or revision, found.rfilename, found.size, _sha256(found))
        for found in filter_repo_objects(
            info.siblings or [], allow_patterns=list(patterns), key=lambda file: file.rfilename
        )
    ]
    names = {file.path for file in files}
    missing = [name for name in patterns if "*" not in name and name not in names]
    if missing or not files:
        raise DownloadError(
            f"{endpoint()}/datasets/{repository} holds no {', '.join(missing or patterns)}: has "
            "it been moved? Look there"
        )
    return files


def fetch_file(file: HubFile, target: Path) -> None:
    """Download a file; what an earlier attempt has got of it is kept and continued.

    Raises:
        DownloadError: It did not arrive, or is another file than announced.
        HfHubHTTPError: There is no permission.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    version = (file.sha256 or file.revision)[:12]
    partial = target.with_name(f".{target.name}.{version}.part")
    for attempt in range(ATTEMPTS):
        try:
            with partial.open("ab") as stream:
                _transfer(file, stream)
            break
        # Those of the HTTP client have no base of their own that all its versions share.
        except Exception as error:
            if _is_refusal(error):
                raise
            if attempt + 1 == ATTEMPTS:
                raise DownloadError(_explain(file, partial, error)) from error
            time.sleep(WAIT_S)
    _check(file, partial)
    partial.replace(target)


def _transfer(file: HubFile, stream: BinaryIO) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(file.repository, file.path, repo_type="dataset", revision=file.revision)
    headers = build_hf_headers()
    metadata = get_hf_file_metadata(url, headers=headers)
    if urlsplit(metadata.location).netloc != urlsplit(url).netloc:
        # The token is not for the host that stores the files.
        headers.pop("authorization", None)
    http_get(
        metadata.location,
        stream,
        resume_size=stream.tell(),
        headers=headers,
        expected_size=file.size,
        displayed_filename=file.path,
    )


def _is_refusal(error: Exception) -> bool:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status in (401, 403, 404)


def _explain(file: HubFile, partial: Path, error: Exception) -> str:
    size = partial.stat().st_size
    reason = " ".join(str(error).split()) or type(error).__name__
    if size > file.size:
        partial.unlink()
        return f"{file.path} of {file.repository}: more came than its {file.size} bytes ({reason})"
    return (
        f"{file.path} of {file.repository} did not arrive whole ({reason}); {size} of {file.size} "
        f"bytes are kept in {partial}: run this again to go on"
    )


def _check(file: HubFile, partial: Path) -> None:
    if file.sha256 is None:
        return
    found = sha256_of(partial)
    if found != file.sha256:
        partial.unlink()
        raise DownloadError(
            f"{file.path} of {file.repository} arrived damaged (its sha256 is {found}, not "
            f"{file.sha256}); it was removed: run this again"
        )


def _sha256(sibling: object) -> str | None:
    lfs = getattr(sibling, "lfs", None)
    return lfs.sha256 if lfs is not None else None
