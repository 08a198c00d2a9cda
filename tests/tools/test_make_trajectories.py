"""From the files of matches to trajectories.npz."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from footmm.datasets.trajectory.trajectories_npz import read_trajectories
from footmm.simulation.export import TracksExport, TracksExportSettings, write_folder

SCRIPT = Path(__file__).parents[2] / "tools" / "data" / "make_trajectories.py"


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    settings = TracksExportSettings(
        seed=3, num_matches=2, minutes=0.1, rate=10.0, pitch_size=(100.0, 64.0)
    )
    return write_folder(tmp_path_factory.mktemp("data") / "npz", TracksExport(settings))


def refused(main, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_simulated_matches(main, simulated, tmp_path, capsys):
    out = tmp_path / "trajectories.npz"
    arguments = ["--provider=simulation", "--data", f"tracks={simulated}/{{match}}.npz"]
    arguments += ["--rate=5", f"--out={out}"]
    main(arguments)
    table = capsys.readouterr().out.splitlines()[-4:]
    assert table[0] == "match        source      frames  minutes  agents  present  segments"
    assert table[2] == "match_00001  simulation      30      0.1      23     100%         1"
    assert table[3] == f"wrote {out}"
    tracks = read_trajectories(out)[1]
    arrays = np.load(simulated / "match_00001.npz")
    assert np.array_equal(tracks.positions[:, :22], arrays["positions"][::2, :22])
    assert np.array_equal(tracks.positions[:, 22], arrays["ball_position"][::2, :2])
    assert tracks.team.tolist() == [0] * 11 + [1] * 11 + [2]
    assert np.flatnonzero(tracks.goalkeeper).tolist() == [0, 11]
    assert (tracks.pitch.length, tracks.pitch.width) == (100.0, 64.0)
    # Nothing is lost by chance.
    assert "exists; replace it with --overwrite" in refused(main, arguments, capsys)
    main([*arguments, "--overwrite", "--matches", "match_00001"])
    assert [match.match for match in read_trajectories(out)] == ["match_00001"]


def test_game_states(main, tmp_path, capsys):
    entries = [
        {
            "image_id": f"2060{frame:06d}",
            "track_id": track,
            "supercategory": "object",
            "attributes": {"role": "player", "team": team},
            "bbox_pitch": {"x_bottom_middle": track, "y_bottom_middle": frame / 10},
        }
        for frame in range(1, 11)
        for track, team in ((1, "left"), (2, "right"))
    ]
    (tmp_path / "SNGS-060.json").write_text(json.dumps({"predictions": entries}))
    arguments = ["--provider=soccernet-game-state", f"--out={tmp_path / 'out.npz'}"]
    arguments += ["--data", f"labels={tmp_path / 'SNGS-060.json'}", "--options"]
    main([*arguments, "frame_rate=10.0", "smoothing_s=0"])
    (tracks,) = read_trajectories(tmp_path / "out.npz")
    assert (tracks.match, tracks.num_frames) == ("SNGS-060", 6)
    error = refused(main, [*arguments, "framerate=10", "--overwrite"], capsys)
    assert "no such option; did you mean 'frame_rate'" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--provider=simulation", "--data", "tracks"], "--data tracks: give KEY=PATH"),
        (["--provider=simulation", "--data", "labels=a"], "simulation needs tracks, once each"),
        (["--provider=simulation", "--data", "tracks=a.npz"], "a.npz does not exist; simulate"),
        (
            ["--provider=simulation", "--data", "tracks=none/{match}.npz"],
            "none/{match}.npz: there is no such file for any {match}",
        ),
        (
            ["--provider=simulation", "--data", "tracks=a.npz", "--matches", "a", "b"],
            "--matches gives 2 names, but no path has {match} in it",
        ),
        (
            ["--provider=simulation", "--data", "tracks={match}", "--matches", "a", "a"],
            "a name is there twice",
        ),
        (["--provider=skillcorner", "--data", "meta_data=a"], "has the files meta_data, raw_data"),
        (
            ["--provider=skillcorner", "--data", "meta_data=a", "raw_data=b"],
            "a does not exist. Open matches: 'tools/data/download.py skillcorner'",
        ),
        (["--provider=skillcorne", "--data", "a=b"], "invalid choice: 'skillcorne'"),
    ],
)
def test_wrong_arguments_are_named(main, tmp_path, capsys, arguments, message):
    out = tmp_path / "trajectories.npz"
    assert message in refused(main, [*arguments, f"--out={out}"], capsys)
    assert not out.exists()


def test_names_in_several_places_of_a_path(main, tmp_path):
    find_matches = runpy.run_path(str(SCRIPT))["find_matches"]
    for path in ("7/7_tracks.npz", "12/12_tracks.npz", "8/9_tracks.npz", "8/8_tracks.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert find_matches(f"{tmp_path}/{{match}}/{{match}}_tracks.npz") == ["12", "7"]


@pytest.mark.realdata
def test_real_skillcorner(main, realdata, tmp_path, capsys):
    ZipFile(realdata / "tracking_skillcorner" / "skillcorner_v2.zip").extractall(tmp_path)
    arguments = ["--provider=skillcorner", "--matches=2417", f"--out={tmp_path / 'out.npz'}"]
    arguments += [f"--data=meta_data={tmp_path}/match_data_{{match}}.json"]
    arguments += [f"--data=raw_data={tmp_path}/structured_data_{{match}}_first_half_part1.json"]
    main(arguments)
    assert capsys.readouterr().out.splitlines()[-2].startswith("2417   skillcorner")
    assert read_trajectories(tmp_path / "out.npz")[0].num_frames > 3000
