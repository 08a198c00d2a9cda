from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

from footmm.errors import DataFormatError
from footmm.simulation.export import folder
from footmm.simulation.export.folder import Item, Observer, write_folder, write_folder_at_once


@dataclass
class FakeUnit:
    name: str
    numbers: range
    drawn: list[int] = field(default_factory=list)
    before: object = None

    def __len__(self):
        return len(self.numbers)

    def items(self, start):
        for number in self.numbers[start:]:
            if self.before is not None:
                self.before(number)
            self.drawn.append(number)
            yield Item({f"train/{number}.txt": b"x" * number}, {"number": number, "half": 0.1})


class FakeExport:
    """Ten numbers in three units, and their list."""

    folders = ("train", "test")

    def __init__(self, before=None, seed=0):
        self.seed = seed
        self.parts = [
            FakeUnit(f"train/{i}", numbers, before=before)
            for i, numbers in enumerate((range(4), range(4, 8), range(8, 10)))
        ]

    @property
    def drawn(self):
        return [number for part in self.parts for number in part.drawn]

    def settings(self):
        return {"format": "fake", "seed": self.seed, "size": (1, 2)}

    def units(self):
        return self.parts

    def index_files(self, labels_of):
        rows = [labels for part in self.parts for labels in labels_of(part)]
        yield "train/list.json", folder.encode_json(rows)


class Memory(Observer):
    def __init__(self):
        self.workload, self.advanced = None, 0

    def starts(self, workload):
        self.workload = workload

    def advances(self, num_items):
        self.advanced += num_items


def stop_at(number, error=KeyboardInterrupt):
    def before(current):
        if current == number:
            raise error

    return before


def contents(root):
    return {
        str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in root.rglob("*")
    }


@pytest.fixture
def whole(tmp_path):
    """The bytes of the whole export."""
    return contents(write_folder(tmp_path / "whole", FakeExport()))


def interrupted(root, number):
    with pytest.raises(KeyboardInterrupt):
        write_folder(root, FakeExport(stop_at(number)))


def test_writes_files_index_and_settings_and_nothing_else(whole):
    expected = {"train", "test", "settings.json", "train/list.json"}
    assert set(whole) == expected | {f"train/{i}.txt" for i in range(10)}
    assert json.loads(whole["train/list.json"])[3] == {"number": 3, "half": 0.1}
    assert json.loads(whole["settings.json"]) == {"format": "fake", "seed": 0, "size": [1, 2]}
    assert whole["train/7.txt"] == b"x" * 7


def test_goes_on_where_it_was_stopped(tmp_path, whole):
    root = tmp_path / "set"
    interrupted(root, 5)
    unfinished = root / "unfinished"
    times = {p: p.stat().st_mtime_ns for p in unfinished.rglob("*.txt")}
    assert {p.name for p in times} == {f"{i}.txt" for i in range(5)}
    assert [p.name for p in root.iterdir()] == ["unfinished"]

    export, memory = FakeExport(), Memory()
    write_folder(root, export, observer=memory)

    assert contents(root) == whole
    assert (memory.workload.num_items, memory.workload.num_finished) == (10, 5)
    assert memory.advanced == 5
    assert min(export.drawn) == 5
    kept = {p: (root / p.relative_to(unfinished)).stat().st_mtime_ns for p in times}
    assert kept == times


def test_many_stops_change_nothing(tmp_path, whole):
    for number in range(1, 10):
        interrupted(tmp_path / "set", number)
    assert contents(write_folder(tmp_path / "set", FakeExport())) == whole


@pytest.mark.parametrize("rest", [b'{"num', b"null"])
def test_half_a_line_in_a_journal_is_forgotten(tmp_path, whole, rest):
    root = tmp_path / "set"
    interrupted(root, 6)
    with (root / "unfinished" / "progress" / "train" / "1.jsonl").open("ab") as file:
        file.write(rest)
    (root / "unfinished" / "train" / "6.txt.part").write_bytes(b"xx")

    assert contents(write_folder(root, FakeExport())) == whole


def test_a_kill_while_the_files_move_out(tmp_path, whole, monkeypatch):
    replace, root = os.replace, tmp_path / "set"
    for kept in ("test", "train", "settings.json"):

        def fail(source, target, kept=kept):
            if target == root / kept:
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(KeyboardInterrupt):
            write_folder(root, FakeExport(stop_at(0) if kept != "test" else None))
        assert not (root / "settings.json").exists()
    monkeypatch.undo()

    assert contents(write_folder(root, FakeExport(stop_at(0)))) == whole


def test_a_complete_folder_is_left_as_it_is(tmp_path, whole):
    write_folder(tmp_path / "whole", FakeExport(stop_at(0)))
    assert contents(tmp_path / "whole") == whole


@pytest.mark.parametrize("number", [None, 5])
def test_other_settings_are_refused(tmp_path, number):
    root = tmp_path / "set"
    if number is None:
        write_folder(root, FakeExport())
    else:
        interrupted(root, number)
    before = contents(root)
    with pytest.raises(DataFormatError, match=r"set.* holds synthetic data of other settings"):
        write_folder(root, FakeExport(seed=1))
    assert contents(root) == before


@pytest.mark.parametrize("name", ["thesis.tex", "unfinished/thesis.tex"])
def test_something_else_is_refused_and_untouched(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(DataFormatError, match=r"was not written by this export"):
        write_folder(tmp_path, FakeExport())
    assert contents(tmp_path) == before


def test_a_file_is_refused(tmp_path):
    (tmp_path / "set").write_text("a file")
    with pytest.raises(DataFormatError, match="set is a file; give a folder"):
        write_folder(tmp_path / "set", FakeExport())


def test_damaged_settings_are_named(tmp_path, whole):
    (tmp_path / "whole" / "settings.json").write_text("{")
    with pytest.raises(DataFormatError, match=r"settings\.json is not valid JSON"):
        write_folder(tmp_path / "whole", FakeExport())


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    # From the first four: three files of one block each, and labels twice.
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=20000))
    with pytest.raises(DataFormatError, match=r"about 31\.\d kB are needed and 20\.0 kB are free"):
        write_folder(tmp_path / "set", FakeExport())
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=40000))
    memory = Memory()
    write_folder(tmp_path / "set", FakeExport(), observer=memory)
    assert memory.workload.bytes_free == 40000


def test_a_failure_at_the_first_item_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="broken"):
        write_folder(tmp_path / "set", FakeExport(stop_at(0, OSError("broken"))))
    assert list(tmp_path.iterdir()) == []


def test_at_once_hides_what_is_unfinished(tmp_path, whole):
    root = tmp_path / "made" / "set"
    with pytest.raises(KeyboardInterrupt):
        write_folder_at_once(root, FakeExport(stop_at(5)))
    assert [p.name for p in root.parent.iterdir()] == [".set.unfinished"]
    export = FakeExport()
    assert contents(write_folder_at_once(root, export)) == whole
    assert [p.name for p in root.parent.iterdir()] == ["set"]
    assert min(export.drawn) == 5


@pytest.mark.parametrize("write", [write_folder, write_folder_at_once])
def test_a_second_run_waits_for_the_first(tmp_path, whole, write):
    reached, released = Event(), Event()

    def wait(number):
        if number == 6:
            reached.set()
            assert released.wait(10)

    threads = [Thread(target=write, args=(tmp_path / "set", FakeExport(wait)))]
    threads[0].start()
    assert reached.wait(10)
    second = FakeExport()
    threads.append(Thread(target=write, args=(tmp_path / "set", second)))
    threads[1].start()
    released.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert second.drawn == []
    assert contents(tmp_path / "set") == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set", "whole"]


def test_the_first_run_moves_the_folder_before_the_second_locks_it(tmp_path, whole, monkeypatch):
    staging, opened = tmp_path / ".b.unfinished", []

    def open_late(path, *args, **kwargs):
        opened.append(path)
        if len(opened) == 1:
            staging.rmdir()
        return os_open(path, *args, **kwargs)

    os_open = os.open
    monkeypatch.setattr(folder.os, "open", open_late)
    write_folder_at_once(tmp_path / "b", FakeExport())
    assert opened.count(staging) > 1
    assert contents(tmp_path / "b") == whole


def test_the_first_run_moves_the_folder_while_the_second_makes_it(tmp_path, whole, monkeypatch):
    staging, made = tmp_path / ".b.unfinished", []

    def make_late(path, *args, **kwargs):
        made.append(path)
        if len(made) == 1:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        mkdir(path, *args, **kwargs)

    mkdir = Path.mkdir
    monkeypatch.setattr(folder.Path, "mkdir", make_late)
    write_folder_at_once(tmp_path / "b", FakeExport())
    assert made.count(staging) > 1
    assert contents(tmp_path / "b") == whole


@pytest.mark.parametrize(("in_the_way", "root"), [(".b.unfinished", "b"), ("a", "a/b")])
def test_a_link_to_nowhere_is_not_waited_for(tmp_path, in_the_way, root):
    (tmp_path / in_the_way).symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match=in_the_way):
        write_folder_at_once(tmp_path / root, FakeExport())


def test_sizes_are_readable():
    sizes = [900, 1500, 2_000_000, 3_400_000_000, 5e12]
    shown = ["0.9 kB", "1.5 kB", "2.0 MB", "3.4 GB", "5.0 TB"]
    assert [folder.format_size(size) for size in sizes] == shown
