from __future__ import annotations

import zipfile

import numpy as np
import pytest

from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.simulation.match import MatchSettings, simulate_matches

ARCHIVE = "tracking_skillcorner/skillcorner_v2.zip"


def tracking(tool, count=60):
    """Two lines of eleven, 3 m apart, who run along x at 2 m/s; the ball rolls at 5 m/s."""
    times = np.arange(count) / 10
    players = np.zeros((count, 22, 2))
    players[..., 0] = 2 * times[:, None] + np.repeat([0.0, 3.0], 11)
    players[..., 1] = np.tile(np.arange(11) * 4.0, 2)
    return tool.Tracking(
        players=players,
        team=np.arange(22) // 11,
        keeper=np.arange(22) % 11 == 0,
        ball=np.stack((5 * times, 0 * times), -1),
        alive=np.ones(count, bool),
        part=np.zeros(count, int),
    )


def test_quantities_are_measured(tool):
    measured = tool.measure(tracking(tool))
    assert np.allclose(measured["speed (m/s)"], 2.0)
    assert np.allclose(measured["acceleration (m/s2)"], 0.0, atol=1e-9)
    assert np.allclose(measured["team length (m)"], 0.0)
    assert np.allclose(measured["team width (m)"], 36.0)
    assert np.allclose(measured["nearest opponent (m)"], 3.0)
    assert np.allclose(measured["ball speed (m/s)"], 5.0)
    assert (measured["players seen"] == 22).all()


def test_jumps_and_gaps_are_not_motion(tool):
    given = tracking(tool, 120)
    given.players[60:, 3] += 20.0
    given.players[40:44, 4] = np.nan
    given.part[80:] = 1
    given.players[80:, 5] += 20.0
    assert np.allclose(tool.measure(given)["speed (m/s)"], 2.0)


def test_frames_out_of_play_and_teams_seen_in_part_do_not_count(tool):
    given = tracking(tool)
    given.alive[30:] = False
    given.players[:10, 1:4] = np.nan
    measured = tool.measure(given)
    assert len(measured["players seen"]) == 30
    assert len(measured["team width (m)"]) == 20 + 30


def test_synthetic_players_far_from_the_ball_are_not_seen(tool):
    matches = simulate_matches(MatchSettings(duration_s=20.0, rate=10.0), [0, 1])
    seen = tool.from_simulation(matches)
    assert seen.players.shape == (400, 22, 2)
    assert seen.part.tolist() == [0] * 200 + [1] * 200
    away = np.abs(seen.players[..., 0] - seen.ball[:, None, 0])
    assert np.isnan(seen.players).any()
    assert np.nanmedian(away) < 17.0


def test_no_archive_is_explained(tool, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path / "nothing.zip")])
    assert "nothing.zip: no such file" in capsys.readouterr().err


@pytest.mark.realdata
def test_synthetic_matches_are_like_the_real_one(tool, realdata, capsys):
    tool.main([str(realdata / ARCHIVE), "--num", "8", "--duration", "100"])
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[2:]]
    table = {row[0].strip(): [float(cell) for cell in row[1:]] for row in rows}
    assert table["speed (m/s)"][0] == pytest.approx(2.64, abs=0.01)
    assert table["players seen"][0] == 14
    for name, (real_median, median, real_high, high) in table.items():
        assert median == pytest.approx(real_median, rel=0.25), name
        assert high == pytest.approx(real_high, rel=0.3), name


def test_archives_without_the_match_are_refused(tool, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no such file"):
        tool.load_skillcorner(tmp_path / "missing.zip")
    broken = tmp_path / "broken.zip"
    broken.write_text("no zip")
    with pytest.raises(DataFormatError, match="no zip archive"):
        tool.load_skillcorner(broken)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(DataFormatError, match=r"no match_data_2417\.json in it"):
        tool.load_skillcorner(tmp_path / "empty.zip")
