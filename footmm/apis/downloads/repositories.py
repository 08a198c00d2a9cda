"""Git repositories of open data, with files in Git LFS or without.

A clone cannot be continued, so it is made as small as git can: one commit, and of large
repositories the wanted files only, some at a time. Files in Git LFS are fetched one by one: by
git-lfs where it is installed, else from the address at which GitHub serves them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from footmm.apis.downloads.extraction import UNFINISHED, check_room
from footmm.apis.downloads.network import NO_NETWORK
from footmm.apis.downloads.web import fetch_url
from footmm.errors import DownloadError
from footmm.simulation.export.folder import format_size

#: Seconds for a server to tell its newest commit.
TIMEOUT_S = 20.0
#: Files that are checked out at once: what is lost at most when a download is stopped.
BATCH = 120
#: Where files of Git LFS are kept meanwhile, in the ``.git`` of the clone.
_LARGE_FILES = "footmm"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_MAX_POINTER_SIZE = 1024
_SETTINGS = (
    *("-c", "core.symlinks=false"),
    *("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30"),
)

Tell = Callable[[str], None]
Choose = Callable[[Sequence[str]], Iterator[str]]


@dataclass(frozen=True)
class GitRepository:
    """A repository of open data.

    Attributes:
        url: Its address.
        large_files: Address of a file in Git LFS, with ``{commit}`` and ``{path}``.
        choose: Picks the wanted paths of all that there are; everything is wanted without it.
    """

    url: str
    large_files: str | None = None
    choose: Choose | None = None


@dataclass(frozen=True)
class Pointer:
    """What git keeps in place of a file in Git LFS.

    Attributes:
        path: Relative to the clone.
        sha256: Checksum of the file.
        size: Its size, bytes.
    """

    path: str
    sha256: str
    size: int


def fetch_repository(source: GitRepository, target: Path, tell: Tell) -> None:
    """Clone a repository, or bring an existing clone up to date.

    Args:
        source: The repository.
        target: Folder of the clone.
        tell: Called with lines for the user.

    Raises:
        DownloadError: git is missing or failed, or a file in Git LFS did not arrive.
    """
    if shutil.which("git") is None:
        raise DownloadError(f"git is not installed; install it, or put {source.url} at {target}")
    if target.exists():
        _update(source, target, tell)
    else:
        _clone(source, target, tell)
    _fetch_large_files(source, target, tell)


def newest_commit(url: str) -> str:
    """Ask a server for the newest commit of a repository.

    Raises:
        DownloadError: It did not answer.
    """
    try:
        return _git(None, "ls-remote", url, "HEAD", timeout=TIMEOUT_S).split()[0]
    except (DownloadError, subprocess.TimeoutExpired, IndexError) as error:
        reason = str(error) or "no answer"
        raise DownloadError(f"{url} cannot be reached ({reason}); {NO_NETWORK}") from error


def find_pointers(folder: Path) -> list[Pointer]:
    """Return the files of a clone that are pointers of Git LFS."""
    pointers = []
    for name in _git(folder, "ls-files", "-z").split("\0")[:-1]:
        path = folder / name
        if not path.is_file() or path.stat().st_size > _MAX_POINTER_SIZE:
            continue
        if match := _POINTER.fullmatch(path.read_bytes()):
            pointers.append(Pointer(name, match[1].decode(), int(match[2])))
    return pointers


def _clone(source: GitRepository, target: Path, tell: Tell) -> None:
    newest_commit(source.url)
    staging = target.with_name(f".{target.name}{UNFINISHED}")
    if not _is_clone(staging):
        shutil.rmtree(staging, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        tell(f"cloning {source.url}")
        lazy = ("--filter=blob:none",) if source.choose else ()
        _git(None, "clone", "--depth=1", "--no-checkout", *lazy, source.url, str(staging))
    _check_out(source, staging, tell)
    staging.rename(target)


def _check_out(source: GitRepository, folder: Path, tell: Tell) -> None:
    if source.choose is None:
        _git(folder, "checkout", "--force", "HEAD", "--")
        return
    names = _git(folder, "ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")[:-1]
    wanted = list(source.choose(names))
    todo = iter([name for name in wanted if not (folder / name).is_file()])
    chosen = [name for name in wanted if (folder / name).is_file()]
    while batch := list(islice(todo, BATCH)):
        chosen += batch
        patterns = "".join(f"/{_escaped(name)}\n" for name in chosen)
        _git(folder, "sparse-checkout", "set", "--no-cone", "--stdin", stdin=patterns)
        _git(folder, "checkout", "--force", "HEAD", "--")
        tell(f"{len(chosen)} of {len(wanted)} files are there")


def _update(source: GitRepository, folder: Path, tell: Tell) -> None:
    if not _is_clone(folder):
        tell(f"{folder} is no clone of {source.url}: left as it is")
        return
    here = _git(folder, "rev-parse", "HEAD").strip()
    try:
        newest = newest_commit(source.url)
    except DownloadError as error:
        tell(f"{folder} is there; whether there is something newer is not known: {error}")
        return
    if here == newest:
        tell(f"{folder} is up to date")
        return
    _put_pointers_back(folder)
    _git(folder, "pull", "--ff-only")
    if source.choose is not None:
        _check_out(source, folder, tell)
    tell(f"{folder} was brought up to date")


def _fetch_large_files(source: GitRepository, folder: Path, tell: Tell) -> None:
    if not _is_clone(folder):
        return
    pointers = find_pointers(folder)
    if pointers and _has_lfs():
        _git(folder, "lfs", "install", "--local")
        _git(folder, "lfs", "pull")
        pointers = find_pointers(folder)
    if not pointers:
        return
    names = f"{', '.join(_folders(pointers))} ({len(pointers)} files)"
    if source.large_files is None:
        raise DownloadError(
            f"git-lfs is not installed: pointers are in place of the files of {names}; install it "
            "and run this again"
        )
    size = sum(pointer.size for pointer in pointers)
    tell(f"git-lfs is not installed, or left pointers: fetching {format_size(size)} of {names}")
    check_room(folder, size, f"the large files of {folder}")
    commit = _git(folder, "rev-parse", "HEAD").strip()
    for pointer in pointers:
        url = source.large_files.format(commit=commit, path=quote(pointer.path))
        _fill(folder, pointer, url)
        tell(f"{folder / pointer.path}: {format_size(pointer.size)}")


def _fill(folder: Path, pointer: Pointer, url: str) -> None:
    store = folder / ".git" / _LARGE_FILES / pointer.sha256
    if not store.is_file():
        try:
            fetch_url(url, store, ("sha256", pointer.sha256), pointer.size)
        except DownloadError as error:
            raise DownloadError(
                f"{folder / pointer.path} is still a pointer of Git LFS: {error}"
            ) from error
    store.replace(folder / pointer.path)


def _put_pointers_back(folder: Path) -> None:
    """Undo :func:`_fill`, so that git sees no changes; the files are kept."""
    names = _git(folder, "diff", "--name-only", "-z", "HEAD").split("\0")[:-1]
    for name in names:
        match = _POINTER.fullmatch(
            _git(folder, "show", f"HEAD:{name}").encode("utf-8", "surrogateescape")
        )
        path = folder / name
        if match is None or not path.is_file() or path.stat().st_size != int(match[2]):
            continue
        store = folder / ".git" / _LARGE_FILES / match[1].decode()
        store.parent.mkdir(exist_ok=True)
        path.replace(store)
        _git(folder, "checkout", "HEAD", "--", name)


def _folders(pointers: Sequence[Pointer]) -> list[str]:
    return sorted({Path(pointer.path).parent.name for pointer in pointers})


def _escaped(name: str) -> str:
    return re.sub(r"([\\*?\[\]!#\s])", r"\\\1", name)


def _has_lfs() -> bool:
    return shutil.which("git-lfs") is not None


def _is_clone(folder: Path) -> bool:
    if not (folder / ".git").is_dir():
        return False
    try:
        _git(folder, "rev-parse", "HEAD")
    except DownloadError:
        return False
    return True


def _git(
    folder: Path | None, *args: str, stdin: str | None = None, timeout: float | None = None
) -> str:
    """Run git, and return what it prints.

    Raises:
        DownloadError: It failed.
    """
    place = () if folder is None else ("-C", str(folder))
    environment = {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *place, *_SETTINGS, *args],
        env=os.environ | environment,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[-500:] or f"exit code {done.returncode}"
        raise DownloadError(f"'git {args[0]}' failed: {said}")
    return done.stdout
