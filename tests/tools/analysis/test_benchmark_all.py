from __future__ import annotations

import re

import pytest

SCRIPTS = {
    "alpha": '"""Counts: ours and theirs.\n\npython benchmarks/alpha.py [--count 3]\n\n'
    'With ``rigour``.\n"""\n'
    "import sys\n"
    'print("11/29 12:36:08 - mmengine - INFO - Config:\\na = 1")\n'
    'print("11/29 12:36:09 - mmengine - INFO - done")\n'
    'print(f"ours  theirs\\n{len(sys.argv)}     2")\n',
    "broken": 'print("half a table")\nraise ValueError("the figures differ")\n',
    "peerless": '"""With a peer.\n\npip install peer\npython benchmarks/peerless.py\n"""\n'
    "import a_peer_that_nobody_has\n",
    "picky": "import argparse\nparser = argparse.ArgumentParser()\n"
    'parser.add_argument("data_root")\nprint(parser.parse_args().data_root)\n',
    "renamed": "import footmm.no_such_part\n",
    "where": 'from pathlib import Path\nprint(Path("benchmarks").is_dir())\n',
}


@pytest.fixture
def clone(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    for name, text in SCRIPTS.items():
        (tmp_path / f"benchmarks/{name}.py").write_text(text)
    return tmp_path


def run(tool, clone, *arguments) -> int:
    with pytest.raises(SystemExit) as leaving:
        tool.main(["--out", str(clone / "docs/page.md"), *arguments], clone)
    return leaving.value.code


def sections(tool, clone) -> dict[str, str]:
    return tool.earlier_sections(clone / "docs/page.md")


def test_a_page_of_all_scripts_where_a_failure_does_not_end_the_rest(tool, clone, capsys):
    assert run(tool, clone) == 1
    found = sections(tool, clone)
    assert list(found) == sorted(SCRIPTS)
    title, about, rigour, state, *table = found["alpha"].split("\n\n")
    assert (title, about, rigour) == ("## alpha", "Counts: ours and theirs.", "With `rigour`.")
    assert re.fullmatch(r"`python benchmarks/alpha.py`: \d+ s; (.+)", state)[1] == tool.machine()
    assert table == ["```none\nours  theirs\n1     2\n```"]
    assert re.search(r"FAILED after \d+ s: ValueError: the figures differ", found["broken"])
    assert "half a table" in found["broken"]
    assert "With a peer.\n\nNeeds `pip install peer`.\n\n`python" in found["peerless"]
    assert found["peerless"].endswith(": not run: No module named 'a_peer_that_nobody_has'")
    assert ": not run: arguments are required: data_root" in found["picky"]
    assert re.search(r"FAILED after \d+ s: ModuleNotFoundError", found["renamed"])
    assert "```none\nTrue\n```" in found["where"]
    printed = capsys.readouterr().out
    assert "[1/6] alpha\nours  theirs\n1     2\n  " in printed
    assert (clone / "docs/page.md").read_text().startswith("# Benchmarks\n")


def test_some_scripts_leave_the_sections_of_the_others(tool, clone):
    assert run(tool, clone, "--only", "picky", "peerless") == 0
    before = sections(tool, clone)
    arguments = ["alpha=--count 'two words'", "picky=a=b"]
    assert run(tool, clone, "--only", "alpha", "picky", "--arguments", *arguments) == 0
    found = sections(tool, clone)
    assert list(found) == ["alpha", "peerless", "picky"]
    assert found["peerless"] == before["peerless"]
    assert "3     2" in found["alpha"]
    assert "`python benchmarks/alpha.py --count 'two words'`" in found["alpha"]
    assert "```none\na=b\n```" in found["picky"]
    (clone / "benchmarks/peerless.py").unlink()
    run(tool, clone, "--only", "alpha")
    assert list(sections(tool, clone)) == ["alpha", "picky"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "alhpa"], "--only: there is no script 'alhpa'; did you mean 'alpha'"),
        (["--arguments", "beta=3"], "--arguments: there is no script 'beta'"),
    ],
)
def test_unknown_scripts_are_refused(tool, clone, capsys, arguments, message):
    assert run(tool, clone, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (clone / "docs/page.md").exists()


def test_every_script_here_has_a_claim(tool):
    scripts = tool.find_scripts(tool.ROOT / "benchmarks", None)
    assert len(scripts) > 10
    for script in scripts:
        assert len(tool.claim(script)) > 30, script
        assert "python benchmarks/" not in tool.claim(script).splitlines()[0]
