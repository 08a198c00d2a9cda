"""Open data in git, from a repository on this machine; its large files from a server."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

from footmm.apis.downloads import repositories
from footmm.apis.downloads.repositories import (
    GitRepository,
    fetch_repository,
    find_pointers,
    newest_commit,
)
from footmm.errors import DownloadError

TRACKS = b"tracks" * 1000
NAME = "data/matches/1886347/1886347_tracking extrapolated.jsonl"


def pointer_to(content):
    checksum = hashlib.sha256(content).hexdigest()
    version = "version https://git-lfs.github.com/spec/v1"
    return f"{version}\noid sha256:{checksum}\nsize {len(content)}\n"


FILES = {
    NAME: pointer_to(TRACKS),
    "data/matches/1886347/1886347_match.json": "{}",
    "README.md": "read me",
}


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """Neither the settings of the user's git nor git-lfs."""
    for name, value in {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{
            f"GIT_{who}_{what}": "a@b.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(repositories, "_has_lfs", lambda: False)


def git(folder, *args):
    subprocess.run(["git", "-C", str(folder), *args], check=True, capture_output=True)


def commit(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "data")


@pytest.fixture
def origin(tmp_path):
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--initial-branch=master")
    git(folder, "config", "uploadpack.allowFilter", "true")
    commit(folder, FILES)
    return folder


@pytest.fixture
def source(origin, server):
    url = f"{server.url}/media/{{commit}}/{{path}}"
    return GitRepository(f"file://{origin}", url)


@pytest.fixture
def serve_tracks(origin, server):
    def serve():
        newest = newest_commit(f"file://{origin}")
        server.files[f"/media/{newest}/{NAME.replace(' ', '%20')}"] = TRACKS
        return newest

    return serve


def working_files(tools, folder):
    return {name: data for name, data in tools.contents(folder).items() if ".git/" not in name}


def test_large_files_are_fetched_without_git_lfs(source, serve_tracks, tools, tmp_path, lines):
    serve_tracks()
    fetch_repository(source, tmp_path / "data" / "skillcorner", lines.append)
    found = working_files(tools, tmp_path / "data" / "skillcorner")
    assert found == {name: data.encode() for name, data in FILES.items()} | {NAME: TRACKS}
    assert os.listdir(tmp_path / "data") == ["skillcorner"]
    assert any("git-lfs is not installed" in x and "1886347 (1 files)" in x for x in lines)


def test_pointers_stay_where_large_files_do_not_come(source, tmp_path, lines):
    with pytest.raises(DownloadError, match=r"extrapolated\.jsonl is still a pointer of Git LFS"):
        fetch_repository(source, tmp_path / "data", lines.append)
    (pointer,) = find_pointers(tmp_path / "data")
    assert (pointer.path, pointer.size) == (NAME, len(TRACKS))


def test_without_an_address_for_large_files_git_lfs_is_needed(source, tmp_path, lines):
    with pytest.raises(DownloadError, match=r"git-lfs is not installed: .* 1886347 \(1 files\)"):
        fetch_repository(GitRepository(source.url), tmp_path / "data", lines.append)


def test_a_clone_is_brought_up_to_date_and_large_files_are_kept(
    source, origin, serve_tracks, server, tools, tmp_path, lines
):
    folder = tmp_path / "data"
    serve_tracks()
    fetch_repository(source, folder, lines.append)
    fetch_repository(source, folder, lines.append)
    assert f"{folder} is up to date" in lines
    commit(origin, {"README.md": "read me again"})
    server.files.clear()
    fetch_repository(source, folder, lines.append)
    found = working_files(tools, folder)
    assert found["README.md"] == b"read me again"
    assert found[NAME] == TRACKS
    # Nor does a large file that is newer there stand in the way.
    commit(origin, {NAME: pointer_to(TRACKS[:-6])})
    server.files[f"/media/{newest_commit(source.url)}/{NAME.replace(' ', '%20')}"] = TRACKS[:-6]
    fetch_repository(source, folder, lines.append)
    assert working_files(tools, folder)[NAME] == TRACKS[:-6]


def test_without_network_a_clone_is_left_as_it_is(source, origin, serve_tracks, tmp_path, lines):
    serve_tracks()
    fetch_repository(source, tmp_path / "data", lines.append)
    origin.rename(tmp_path / "away")
    fetch_repository(source, tmp_path / "data", lines.append)
    assert "whether there is something newer is not known" in lines[-1]
    with pytest.raises(DownloadError, match=r"cannot be reached .*HTTPS_PROXY"):
        fetch_repository(source, tmp_path / "other", lines.append)


def test_only_wanted_files_and_some_at_a_time(origin, tools, tmp_path, lines, monkeypatch):
    monkeypatch.setattr(repositories, "BATCH", 2)
    events = {f"data/events/{number} [a].json": str(number) for number in range(5)}
    commit(origin, events | {"data/other/1.json": "1"})
    source = GitRepository(
        f"file://{origin}", choose=lambda names: (n for n in names if "events" in n)
    )
    fetch_repository(source, tmp_path / "data", lines.append)
    assert working_files(tools, tmp_path / "data") == {n: c.encode() for n, c in events.items()}
    assert [line for line in lines if "of 5" in line] == [
        f"{number} of 5 files are there" for number in (2, 4, 5)
    ]


def test_a_clone_that_was_stopped_goes_on(source, origin, serve_tracks, tmp_path, lines):
    serve_tracks()
    broken = tmp_path / ".data.unfinished"
    (broken / ".git").mkdir(parents=True)
    fetch_repository(source, tmp_path / "data", lines.append)
    # Cloned, but nothing was checked out.
    git(tmp_path, "clone", "--no-checkout", f"file://{origin}", str(broken))
    (tmp_path / "data").rename(tmp_path / "done")
    lines.clear()
    fetch_repository(source, tmp_path / "data", lines.append)
    assert not any(line.startswith("cloning") for line in lines)
    assert (tmp_path / "data" / NAME).read_bytes() == TRACKS


def test_git_lfs_is_used_where_it_is(source, tmp_path, lines, monkeypatch):
    tool = tmp_path / "bin" / "git-lfs"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n[ $1 = pull ] && printf done > '{NAME}'\nexit 0\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(repositories, "_has_lfs", lambda: True)
    fetch_repository(source, tmp_path / "data", lines.append)
    assert (tmp_path / "data" / NAME).read_text() == "done"


def test_a_folder_of_something_else_is_left_alone(source, tmp_path, lines):
    (tmp_path / "data").mkdir()
    fetch_repository(source, tmp_path / "data", lines.append)
    assert lines == [f"{tmp_path / 'data'} is no clone of {source.url}: left as it is"]


def test_git_is_needed(source, tmp_path, lines, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match="git is not installed"):
        fetch_repository(source, tmp_path / "data", lines.append)
