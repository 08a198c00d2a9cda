"""Compare synthetic matches with real broadcast tracking, in one table.

Both sides are measured the same way: the synthetic players are seen only where a broadcast camera
that follows the ball would see them, tracks are smoothed before they are differentiated, and only
frames with the ball in play count.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kloppy import skillcorner
from kloppy.domain import BallState, Ground, TrackingDataset
from scipy.signal import savgol_filter

from footmm.apis.cli import report_errors
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.simulation.match import MatchSettings, simulate_matches
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.tracks import BallMode, MatchTracks

RATE = 10
WINDOW = 21
ORDER = 3
# Faster than any person: the tracker has jumped to somebody else.
JUMP = 1.1
BALL_JUMP = 4.0
BALL_WINDOW = 7
ENOUGH_SEEN = 8
ENOUGH_FOR_NEAREST = 6
# What a main camera sees: metres to both sides of where it points, at the middle of the pitch, so
# chosen that it sees as many players as the real one, and how much that grows to the far touchline;
# and the share of the way to the ball that it goes in a frame.
HALF_VIEW, VIEW_GROWTH, FOLLOWING = 16.0, 5.0, 0.12
GOALKEEPER = "Goalkeeper"


@dataclass(frozen=True)
class Tracking:
    """Tracks at 10 Hz.

    Attributes:
        players: ``(T, P, 2)``, metres, NaN where not seen.
        team: ``(P,)``, 0 or 1.
        keeper: ``(P,)``, whether the player is a goalkeeper.
        ball: ``(T, 2)``, metres, NaN where not seen.
        alive: ``(T,)``, whether the ball is in play.
        part: ``(T,)``, number of the uninterrupted part of the recording.
    """

    players: np.ndarray
    team: np.ndarray
    keeper: np.ndarray
    ball: np.ndarray
    alive: np.ndarray
    part: np.ndarray


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, help="skillcorner_v2.zip")
    parser.add_argument("--num", type=int, default=8, help="synthetic matches")
    parser.add_argument("--duration", type=float, default=300.0, help="seconds of each")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def load_skillcorner(archive: Path) -> Tracking:
    """Read the first half in an archive of SkillCorner files.

    Args:
        archive: ``skillcorner_v2.zip``.

    Raises:
        DatasetNotFoundError: There is no such archive.
        DataFormatError: It is no zip archive, or the match is not in it.
    """
    if not archive.is_file():
        raise DatasetNotFoundError(f"{archive}: no such file; give the path of skillcorner_v2.zip")
    if not zipfile.is_zipfile(archive):
        raise DataFormatError(f"{archive} is no zip archive; give skillcorner_v2.zip")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive) as packed:
        found = {}
        for key, ending in (
            ("meta_data", "match_data_2417.json"),
            ("raw_data", "structured_data_2417_first_half_part1.json"),
        ):
            members = [name for name in packed.namelist() if name.endswith(ending)]
            if not members:
                raise DataFormatError(f"{archive}: no {ending} in it; give skillcorner_v2.zip")
            found[key] = packed.extract(members[0], folder)
        return from_kloppy(skillcorner.load(**found, coordinates="skillcorner"))


def from_kloppy(dataset: TrackingDataset) -> Tracking:
    """Tracks of a kloppy data set in metric, centred coordinates, unidentified players too."""
    records = dataset.records
    players = list({player: None for record in records for player in record.players_data})
    column = {player: number for number, player in enumerate(players)}
    tracks = np.full((len(records), len(players), 2), np.nan)
    ball = np.full((len(records), 2), np.nan)
    for row, record in enumerate(records):
        for player, data in record.players_data.items():
            tracks[row, column[player]] = data.coordinates.x, data.coordinates.y
        if record.ball_coordinates is not None:
            ball[row] = record.ball_coordinates.x, record.ball_coordinates.y
    frames = np.array([record.frame_id for record in records])
    return Tracking(
        players=tracks,
        team=np.array([int(player.team.ground is Ground.AWAY) for player in players]),
        keeper=np.array([str(player.starting_position) == GOALKEEPER for player in players]),
        ball=ball,
        alive=np.array([record.ball_state is BallState.ALIVE for record in records]),
        part=np.cumsum(np.r_[False, np.diff(frames) != 1]),
    )


def from_simulation(matches: Sequence[MatchTracks]) -> Tracking:
    """Synthetic tracks at 10 Hz, as far as a main camera that follows the ball sees them."""
    players, balls = [], []
    for match in matches:
        ball = match.ball_position[:, :2].astype(np.float64)
        tracks = match.positions[:, :NUM_PLAYERS].astype(np.float64)
        seen = np.abs(tracks[..., 0] - _camera_aim(ball[:, 0])[:, None]) < (
            HALF_VIEW + VIEW_GROWTH * tracks[..., 1] / (match.pitch.width / 2)
        )
        players.append(np.where(seen[..., None], tracks, np.nan))
        balls.append(ball)
    number = np.arange(NUM_PLAYERS)
    return Tracking(
        players=np.concatenate(players),
        team=number // 11,
        keeper=number % 11 == 0,
        ball=np.concatenate(balls),
        alive=np.concatenate([match.ball_mode != BallMode.OUT for match in matches]),
        part=np.repeat(np.arange(len(matches)), [match.num_frames for match in matches]),
    )


def _camera_aim(ball: np.ndarray) -> np.ndarray:
    aim = np.empty_like(ball)
    present = ball[0]
    for frame, x in enumerate(ball):
        present += FOLLOWING * (x - present)
        aim[frame] = present
    return aim


def measure(tracking: Tracking) -> dict[str, np.ndarray]:
    """All samples of every quantity in the table.

    Args:
        tracking: Tracks at 10 Hz.

    Returns:
        Name and unit of the quantity -> ``(N,)``.
    """
    speed, acceleration = [], []
    for number in range(tracking.players.shape[1]):
        for rows, first, second in _derivatives(tracking, tracking.players[:, number], JUMP):
            use = tracking.alive[rows]
            speed.append(first[use])
            acceleration.append(second[use])
    ball = [
        first[tracking.alive[rows]]
        for rows, first, _ in _derivatives(tracking, tracking.ball, BALL_JUMP, BALL_WINDOW, 2)
    ]
    length, width = _extent(tracking)
    return {
        "speed (m/s)": np.concatenate(speed),
        "acceleration (m/s2)": np.concatenate(acceleration),
        "team length (m)": length,
        "team width (m)": width,
        "nearest opponent (m)": _nearest_opponent(tracking),
        "ball speed (m/s)": np.concatenate(ball),
        "players seen": np.isfinite(tracking.players[tracking.alive, :, 0]).sum(1),
    }


def _derivatives(
    tracking: Tracking, track: np.ndarray, jump: float, window: int = WINDOW, order: int = ORDER
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Frames, speed and size of the acceleration of every unbroken piece of a track."""
    seen = np.isfinite(track[:, 0])
    step = np.linalg.norm(np.diff(track, axis=0), axis=1)
    broken = ~(step < jump) | (np.diff(tracking.part) != 0)
    for rows in np.split(np.arange(len(track)), np.flatnonzero(broken) + 1):
        if not seen[rows[0]] or len(rows) < window + 10:
            continue
        first, second = (
            np.linalg.norm(savgol_filter(track[rows], window, order, n, 1 / RATE, axis=0), axis=1)
            for n in (1, 2)
        )
        # At the ends the fit is one-sided and noisy.
        inner = slice(window // 2, -(window // 2))
        yield rows[inner], first[inner], second[inner]


def _outfield(tracking: Tracking, team: int) -> np.ndarray:
    return tracking.players[tracking.alive][:, (tracking.team == team) & ~tracking.keeper]


def _extent(tracking: Tracking) -> tuple[np.ndarray, np.ndarray]:
    extents = []
    for team in (0, 1):
        players = _outfield(tracking, team)
        players = players[np.isfinite(players[..., 0]).sum(1) >= ENOUGH_SEEN]
        extents.append(np.nanmax(players, 1) - np.nanmin(players, 1))
    return tuple(np.concatenate(extents).T)


def _nearest_opponent(tracking: Tracking) -> np.ndarray:
    first, second = (_outfield(tracking, team) for team in (0, 1))
    enough = np.isfinite(first[..., 0]).sum(1) >= ENOUGH_FOR_NEAREST
    enough &= np.isfinite(second[..., 0]).sum(1) >= ENOUGH_FOR_NEAREST
    away = np.linalg.norm(first[enough, :, None] - second[enough, None], axis=-1)
    away = np.where(np.isnan(away), np.inf, away)
    nearest = np.concatenate((away.min(2).ravel(), away.min(1).ravel()))
    return nearest[np.isfinite(nearest)]


def table(real: dict[str, np.ndarray], synthetic: dict[str, np.ndarray]) -> str:
    """Medians and 95th percentiles of both, as a Markdown table."""
    lines = [
        "| | real median | synthetic median | real 95 % | synthetic 95 % |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in real:
        cells = [np.percentile(side[name], at) for at in (50, 95) for side in (real, synthetic)]
        lines.append(f"| {name} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        real = measure(load_skillcorner(args.archive))
        settings = MatchSettings(duration_s=args.duration, rate=float(RATE))
        seeds = [args.seed + number for number in range(args.num)]
        synthetic = measure(from_simulation(simulate_matches(settings, seeds)))
        print(table(real, synthetic))


if __name__ == "__main__":
    main()
