"""From what a provider delivers to tracks at a fixed rate that a model can be trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from mmengine.logging import print_log

from footmm.errors import ConfigError, DataFormatError
from footmm.pitch.dimensions import PitchDimensions
from footmm.structures.agent_tracks import BALL, AgentTracks

MAX_GAP_S = 0.25
"""Seconds without a measurement over which positions are still interpolated."""

MAX_SHARE_OF_ERRORS = 0.05
"""Share of impossible positions up to which they are slips of the tracking; the file is
misunderstood where there are more."""

#: Metres a second; the fastest sprints are near 10.5, the hardest shots near 40.
_MAX_PLAYER_SPEED = 12.0
_MAX_BALL_SPEED = 50.0
#: Metres beyond the lines; benches and balls in the advertising boards are nearer.
_MAX_DISTANCE_OFF_PITCH = 20.0
#: So many players of a match are never this near to each other all the time, metres.
_MANY_PLAYERS = 6
_MIN_SPREAD = 5.0
_RATE_TOLERANCE = 0.1
#: Clocks are rounded, some to a millisecond.
_TIME_TOLERANCE_S = 1e-3
_PERIOD_BREAK_S = 3600.0


@dataclass(frozen=True, eq=False)
class RawTracks:
    """A match as its provider delivers it: ``T`` frames of ``A`` agents, unchecked.

    Attributes:
        match: Name of the match.
        source: Where the tracks come from, e.g. ``"skillcorner"``.
        origin: Name of the file, or files, for messages.
        rate: Frames a second, as the source states it.
        times: ``(T,)`` float64, seconds since the start of the period.
        period: ``(T,)`` int8, 1 for the first half.
        frame_ids: ``(T,)`` int64, the source's numbers of the frames.
        positions: ``(T, A, 2)``, metres, world frame but for the direction of play; anything where
            not present.
        present: ``(T, A)`` bool, whether the position was measured.
        team: ``(A,)``, see :mod:`footmm.structures.agent_tracks`.
        goalkeeper: ``(A,)`` bool; False as well where the source does not tell.
        agent_ids: Names of the agents in the source; some may never be present.
        home_attacks_right: Whether the home team attacks to the right, by period.
        pitch: The pitch.
    """

    match: str
    source: str
    origin: str
    rate: float
    times: np.ndarray
    period: np.ndarray
    frame_ids: np.ndarray
    positions: np.ndarray
    present: np.ndarray
    team: np.ndarray
    goalkeeper: np.ndarray
    agent_ids: tuple[str, ...]
    home_attacks_right: Mapping[int, bool]
    pitch: PitchDimensions = field(default_factory=PitchDimensions)


def prepare_tracks(
    raw: RawTracks,
    rate: float,
    max_gap_s: float = MAX_GAP_S,
    max_share_of_errors: float = MAX_SHARE_OF_ERRORS,
) -> AgentTracks:
    """Check, clean, turn and resample the tracks of a match.

    * Frames must follow each other in number and time, at the rate the source states.
    * Positions far off the pitch, and both ends of a step between neighbouring measurements that
      is faster than 12 m/s (players) or 50 m/s (ball), become missing. If that concerns more than
      ``max_share_of_errors`` of the players' positions or steps, the file is in other units or at
      another rate.
    * Periods in which the home team attacks to the left are turned by half a turn.
    * Positions are interpolated linearly between measurements of an agent that are at most
      ``max_gap_s`` apart. A segment ends where all agents are missing for longer, and with the
      period. Its first frame is one of the source's.
    * Agents who are never present are left out.

    Args:
        raw: The match.
        rate: Frames a second of the result, at most those of the source.
        max_gap_s: Seconds, see above.
        max_share_of_errors: 0 to 1, see above.

    Raises:
        ConfigError: ``rate`` or ``max_gap_s`` does not fit the source.
        DataFormatError: The tracks fail one of the checks, or nothing is left of them.
    """
    _check_settings(raw, rate, max_gap_s)
    _check_order(raw)
    clock = _match_clock(raw)
    _check_rate(raw, clock)
    _check_positions(raw)
    on_pitch = replace(raw, present=_without_strays(raw, max_share_of_errors))
    steady = replace(
        on_pitch, present=_without_jumps(on_pitch, clock, max_gap_s, max_share_of_errors)
    )
    tracks = _resample(_turned(steady), clock, rate, max_gap_s)
    counts = [_count(stage.present) for stage in (raw, on_pitch, steady)]
    print_log(
        f"{raw.match} ({raw.origin}): {len(clock)} frames at {raw.rate:g} Hz -> "
        f"{tracks.num_frames} at {rate:g} Hz in {len(tracks.segments)} segments; of {counts[0]} "
        f"positions {counts[0] - counts[1]} were too far off the pitch, "
        f"{counts[1] - counts[2]} moved too fast",
        logger="current",
    )
    return tracks


def _check_settings(raw: RawTracks, rate: float, max_gap_s: float) -> None:
    if not 0 < rate <= raw.rate * (1 + 1e-6):
        raise ConfigError(
            f"rate={rate:g}: {raw.origin} has {raw.rate:g} frames a second; ask for at most as "
            "many, frames are not made up"
        )
    if max_gap_s * raw.rate < 1 - 1e-6:
        raise ConfigError(
            f"max_gap_s={max_gap_s:g} is shorter than the {1 / raw.rate:.3g} s from frame to frame "
            f"of {raw.origin}: nothing could be interpolated; the default is {MAX_GAP_S:g}"
        )


def _check_order(raw: RawTracks) -> None:
    """Refuse frames that are duplicated or out of order."""
    if not len(raw.times):
        raise DataFormatError(f"{raw.origin} holds no frame with a position in it")
    same_period = np.diff(raw.period) == 0
    for key, values in {"number": raw.frame_ids, "time": raw.times}.items():
        # Negated, so that a time that is not a number is an error too.
        wrong = same_period & ~(np.diff(values) > 0)
        if wrong.any():
            place = int(wrong.argmax())
            raise DataFormatError(
                f"{raw.origin}: frame {raw.frame_ids[place + 1]} of period "
                f"{raw.period[place + 1]} ({raw.times[place + 1]:.3f} s) follows frame "
                f"{raw.frame_ids[place]} ({raw.times[place]:.3f} s), but its {key} is not higher; "
                "frames are duplicated or out of order: sort the file, or get it again"
            )
    if (np.diff(raw.period) < 0).any():
        place = int((np.diff(raw.period) < 0).argmax())
        raise DataFormatError(
            f"{raw.origin}: frame {raw.frame_ids[place + 1]} is of period "
            f"{raw.period[place + 1]}, the one before it of period {raw.period[place]}; sort the "
            "file, or get it again"
        )


def _match_clock(raw: RawTracks) -> np.ndarray:
    """``(T,)``, seconds that grow over the whole match, with a long break between periods."""
    steps = np.where(np.diff(raw.period) == 0, np.diff(raw.times), _PERIOD_BREAK_S)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _check_rate(raw: RawTracks, clock: np.ndarray) -> None:
    steps = np.diff(clock)[np.diff(raw.period) == 0]
    if not len(steps):
        return
    found = 1 / float(np.median(steps))
    if abs(found / raw.rate - 1) > _RATE_TOLERANCE:
        raise DataFormatError(
            f"{raw.origin} states {raw.rate:g} frames a second, but the times of its frames tell "
            f"{found:.4g} (period {raw.period[0]}, from frame {raw.frame_ids[0]} on): do the files "
            "belong to each other?"
        )


def _check_positions(raw: RawTracks) -> None:
    broken = raw.present & ~np.isfinite(raw.positions).all(2)
    if broken.any():
        frame, agent = np.argwhere(broken)[0]
        raise DataFormatError(
            f"{raw.origin}: frame {raw.frame_ids[frame]} has agent {raw.agent_ids[agent]} at "
            f"{raw.positions[frame, agent].tolist()}; a missing position must be left out"
        )
    players = raw.present & (raw.team != BALL)
    places = raw.positions[players]
    many = _count(players) > _MANY_PLAYERS * _count(players.any(1))
    if many and np.ptp(places, axis=0).max() < _MIN_SPREAD:
        raise DataFormatError(
            f"{raw.origin}: all positions of players lie within "
            f"{np.ptp(places, axis=0).max():.3g} m of each other; are they in metres?"
        )


def _without_strays(raw: RawTracks, max_share: float) -> np.ndarray:
    """``present`` without positions too far off the pitch."""
    limit = np.array([raw.pitch.length, raw.pitch.width]) / 2 + _MAX_DISTANCE_OFF_PITCH
    stray = raw.present & (np.abs(raw.positions) > limit).any(2)
    what = f"lie over {_MAX_DISTANCE_OFF_PITCH:g} m off the pitch"
    _check_share(raw, stray, raw.present, what, max_share)
    return raw.present & ~stray


def _without_jumps(
    raw: RawTracks, clock: np.ndarray, max_gap_s: float, max_share: float
) -> np.ndarray:
    """``present`` without both ends of steps that are too fast."""
    steps, jumps = np.zeros_like(raw.present), np.zeros_like(raw.present)
    kept = raw.present.copy()
    for agent, team in enumerate(raw.team):
        frames = np.flatnonzero(raw.present[:, agent])
        seconds = np.diff(clock[frames])
        metres = np.linalg.norm(np.diff(raw.positions[frames, agent].astype(float), axis=0), axis=1)
        limit = _MAX_BALL_SPEED if team == BALL else _MAX_PLAYER_SPEED
        near = seconds <= max_gap_s + _TIME_TOLERANCE_S
        fast = near & (metres > limit * seconds)
        steps[frames[1:][near], agent] = True
        jumps[frames[1:][fast], agent] = True
        kept[frames[:-1][fast], agent] = False
        kept[frames[1:][fast], agent] = False
    what = f"are the ends of steps faster than {_MAX_PLAYER_SPEED:g} m/s"
    _check_share(raw, jumps, steps, what, max_share)
    return kept


def _check_share(
    raw: RawTracks, wrong: np.ndarray, of: np.ndarray, what: str, max_share: float
) -> None:
    """Refuse matches with too many wrong positions of players; masks ``(T, A)``."""
    players = raw.team != BALL
    count, total = _count(wrong[:, players]), _count(of[:, players])
    if count <= max_share * total:
        return
    frame = int((wrong & players).any(1).argmax())
    raise DataFormatError(
        f"{raw.origin}: {count} of {total} positions of players {what} (first in frame "
        f"{raw.frame_ids[frame]} of period {raw.period[frame]}); the file is in other units, of "
        f"another pitch (here {raw.pitch.length:g} x {raw.pitch.width:g} m) or at another rate "
        f"(here {raw.rate:g} Hz). Where it is just rough, raise max_share_of_errors={max_share:g}"
    )


def _turned(raw: RawTracks) -> RawTracks:
    """Let the home team attack to the right."""
    missing = set(np.unique(raw.period).tolist()) - set(raw.home_attacks_right)
    if missing:
        raise DataFormatError(
            f"{raw.origin} does not tell where the home team attacks in period {min(missing)}"
        )
    attacks_right = np.array([raw.home_attacks_right[int(period)] for period in raw.period])
    sign = np.where(attacks_right, 1, -1).astype(raw.positions.dtype)
    return replace(raw, positions=raw.positions * sign[:, None, None])


def _resample(raw: RawTracks, clock: np.ndarray, rate: float, max_gap_s: float) -> AgentTracks:
    grid, segments = _grid(raw, clock, rate, max_gap_s)
    seen = np.flatnonzero(raw.present.any(0))
    positions = np.zeros((len(grid), len(seen), 2), np.float32)
    present = np.zeros((len(grid), len(seen)), bool)
    for place, agent in enumerate(seen):
        frames = np.flatnonzero(raw.present[:, agent])
        known = _is_known(clock[frames], grid, max_gap_s)
        present[:, place] = known
        for axis in range(2):
            positions[known, place, axis] = np.interp(
                grid[known], clock[frames], raw.positions[frames, agent, axis]
            )
    before = np.searchsorted(clock, grid + _TIME_TOLERANCE_S, side="right") - 1
    return AgentTracks(
        match=raw.match,
        source=raw.source,
        rate=float(rate),
        positions=positions,
        present=present,
        team=raw.team[seen].astype(np.int8),
        goalkeeper=raw.goalkeeper[seen].astype(bool),
        agent_ids=tuple(raw.agent_ids[agent] for agent in seen),
        frame_ids=raw.frame_ids[before].astype(np.int64),
        period=raw.period[before].astype(np.int8),
        segments=segments,
        pitch=raw.pitch,
        seconds=(raw.times[before] + grid - clock[before]).astype(np.float32),
    )


def _grid(
    raw: RawTracks, clock: np.ndarray, rate: float, max_gap_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """The match clock of the resampled frames ``(N,)``, and the segments ``(S, 2)``."""
    measured = clock[raw.present.any(1)]
    if not len(measured):
        raise DataFormatError(f"{raw.origin} holds no frame with a position that can be used")
    breaks = np.flatnonzero(np.diff(measured) > max_gap_s + _TIME_TOLERANCE_S)
    starts = measured[np.concatenate([[0], breaks + 1])]
    ends = measured[np.concatenate([breaks, [len(measured) - 1]])]
    counts = np.floor((ends - starts + _TIME_TOLERANCE_S) * rate).astype(np.int64) + 1
    stops = np.cumsum(counts)
    number = np.arange(stops[-1]) - np.repeat(stops - counts, counts)
    grid = np.repeat(starts, counts) + number / rate
    return grid, np.stack([stops - counts, stops], axis=1)


def _is_known(measured: np.ndarray, grid: np.ndarray, max_gap_s: float) -> np.ndarray:
    """``(N,)``, which times are measurements or lie between two that are near enough."""
    after = np.searchsorted(measured, grid)
    before = measured[np.maximum(after - 1, 0)]
    behind = measured[np.minimum(after, len(measured) - 1)]
    between = (before <= grid) & (grid <= behind)
    near = np.minimum(np.abs(grid - before), np.abs(behind - grid)) <= _TIME_TOLERANCE_S
    return near | (between & (behind - before <= max_gap_s + _TIME_TOLERANCE_S))


def _count(mask: np.ndarray) -> int:
    return int(np.count_nonzero(mask))
