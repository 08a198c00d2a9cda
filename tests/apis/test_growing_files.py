from __future__ import annotations

import json

import pytest

from footmm.apis.growing_files import growing_file, growing_json


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_has_its_name_when_it_is_closed(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("old")
    with growing_file(path) as file:
        file.write("new\n")
        assert path.read_text() == "old"
        assert len(names(tmp_path)) == 2
    assert path.read_text() == "new\n"
    assert names(tmp_path) == ["rows.csv"]


def test_the_end_tells_whether_all_was_written(tmp_path):
    def finish(file, complete):
        file.write(f"complete: {complete}")

    path = tmp_path / "rows.csv"
    with growing_file(path, finish) as file:
        file.write("a ")
    assert path.read_text() == "a complete: True"
    with pytest.raises(KeyboardInterrupt), growing_file(path, finish) as file:
        raise KeyboardInterrupt
    assert path.read_text() == "complete: False"


def test_a_file_that_cannot_be_finished_gets_no_name(tmp_path):
    def finish(file, complete):
        raise OSError("no space left")

    path = tmp_path / "rows.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="no space"), growing_file(path, finish):
        pass
    assert path.read_text() == "old"


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("rest", [{}, {"unreadable": {"b": 'a "quoted" reason'}}])
def test_json(tmp_path, count, rest):
    path = tmp_path / "cameras.json"
    with growing_json(path, "frames", lambda: rest) as write:
        for number in range(count):
            write(f"ä {number}", {"camera": None, "confidence": 0.5})
    entries = {f"ä {number}": {"camera": None, "confidence": 0.5} for number in range(count)}
    assert json.loads(path.read_text()) == {"frames": entries, "complete": True, **rest}
    with pytest.raises(KeyboardInterrupt), growing_json(path, "frames", lambda: rest):
        raise KeyboardInterrupt
    assert json.loads(path.read_text()) == {"frames": {}, "complete": False, **rest}
