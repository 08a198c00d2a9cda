"""StatsBomb's 360 freeze frames: who was where at an event, without names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from kloppy import statsbomb
from kloppy.domain import Ground, PositionType
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from scipy.optimize import linear_sum_assignment

from footmm.datasets.agent_windows import WINDOW_TEAM
from footmm.datasets.tactics.kloppy_sheets import SHEET_PROVIDERS, damage_explained, sheet_of
from footmm.datasets.tactics.labels import TACTICS_METAINFO
from footmm.datasets.tactics.match_sheet import MatchSheet
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.dimensions import FURTHEST, PitchDimensions
from footmm.registry import DATASETS
from footmm.structures.agent_tracks import AWAY, BALL, HOME

#: Metres a second that a player runs at the most, and by which places are noted wrongly, metres.
_SPEED, _SLACK = 9.0, 3.0
#: Matching somebody to nobody costs more than any allowed step.
_FAR = 1e6


@DATASETS.register_module()
class StatsBombTacticsDataset(BaseDataset):
    """Windows of consecutive freeze frames with the labels of the match's events.

    A freeze frame holds the players that a camera saw at an event, by team, goalkeepers marked, the
    others without names. Players of consecutive frames are taken to be the same where the shortest
    total way says so and nobody would have to run faster than 9 m/s. Times between frames are
    uneven: a sample has ``seconds``. Roles are known of the players who act: kloppy names only
    them.

    A sample is a window with labels, see :mod:`footmm.datasets.tactics.labels`. There is no future:
    the frames after the observed ones hold nobody, and are there for models that predict them.

    Args:
        data_root: Folder that paths are relative to.
        matches: Names of matches.
        files: ``event_data``, ``lineup_data`` and ``three_sixty_data``, with ``{match}`` in place
            of the name.
        num_frames: Frames of a window.
        num_observed: Frames of it that are freeze frames.
        stride: Frames from the start of one window to that of the next.
        max_gap_s: Seconds between two frames of a window at the most.
        rate: Frames a second that the window is said to have where its future would be.
        pipeline: Transforms, or their configs.
        test_mode: MMEngine's.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: A file is missing.
        DataFormatError: kloppy cannot read the files, or there is not a single window.
    """

    METAINFO: dict = TACTICS_METAINFO | {"data_source": "StatsBomb 360"}

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        matches: Sequence[str],
        files: Mapping[str, str],
        num_frames: int = 20,
        num_observed: int = 10,
        stride: int = 5,
        max_gap_s: float = 10.0,
        rate: float = 5.0,
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        wanted = {"event_data", "lineup_data", "three_sixty_data"}
        if set(files) != wanted or not 0 < num_observed <= num_frames or stride < 1:
            raise ConfigError(
                f"StatsBombTacticsDataset: files has to give {', '.join(sorted(wanted))} (has "
                f"{', '.join(sorted(files))}), num_observed={num_observed} has to be 1 to "
                f"num_frames={num_frames}, and stride={stride} at least 1"
            )
        self.matches, self.files = list(matches), dict(files)
        self.num_frames, self.num_observed, self.stride = num_frames, num_observed, stride
        self.max_gap_s, self.rate = max_gap_s, rate
        self._matches: dict[str, tuple[FreezeFrames, MatchSheet]] = {}
        super().__init__(
            data_root=os.fspath(data_root),
            pipeline=list(pipeline),
            test_mode=test_mode,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Return match and first frame of every window."""
        windows = []
        for match in self.matches:
            frames, sheet = read_freeze_frames(self._files_of(match))
            self._matches[match] = frames, sheet
            starts = self._window_starts(frames)
            windows += [dict(match=match, first=first) for first in starts]
            print_log(
                f"{match}: {len(frames.seconds)} freeze frames, {len(starts)} windows",
                logger="current",
            )
        if not windows:
            raise DataFormatError(
                f"StatsBombTacticsDataset({self.data_root}): no {self.num_observed} consecutive "
                "freeze frames of "
                f"{', '.join(self.matches)} are at most max_gap_s={self.max_gap_s:g} apart"
            )
        return windows

    def get_data_info(self, idx: int) -> dict:
        """Return a window with its labels, before the pipeline."""
        info = super().get_data_info(idx)
        frames, sheet = self._matches[info["match"]]
        window = frames.window(info["first"], self.num_observed, self.num_frames, self.rate)
        labels = sheet.labels(
            window["period"],
            window["seconds"],
            window["agent_ids"],
            self.num_frames,
            self.num_observed,
        )
        return window | labels | dict(match=info["match"], sample_idx=info["sample_idx"])

    def _files_of(self, match: str) -> dict[str, Path]:
        files = {
            key: Path(self.data_root, path.replace("{match}", match))
            for key, path in self.files.items()
        }
        for path in files.values():
            if not path.is_file():
                raise DatasetNotFoundError(
                    f"{path} does not exist. {SHEET_PROVIDERS['statsbomb'].how_to_get} The frames "
                    "are in three-sixty/"
                )
        return files

    def _window_starts(self, frames: FreezeFrames) -> list[int]:
        gaps = (np.diff(frames.seconds) > self.max_gap_s) | (np.diff(frames.period) != 0)
        borders = np.concatenate([[0], np.flatnonzero(gaps) + 1, [len(frames.seconds)]])
        return [
            first
            for start, stop in pairwise(borders)
            for first in range(start, stop - self.num_observed + 1, self.stride)
        ]


class FreezeFrames:
    """The freeze frames of a match, in the world frame, the home team attacking to the right.

    Attributes:
        period: ``(N,)``, 1 for the first half.
        seconds: ``(N,)``, since the start of the period.
        frame_ids: ``(N,)``, StatsBomb's index of the event.
        places: For each frame by team ``(P, 2)``, metres.
        names: For each frame by team the players' names; empty where unknown.
        keepers: For each frame by team ``(P,)`` bool.
        balls: ``(N, 2)``, where the event was, metres; nan where that is not known.
        pitch: The pitch.
    """

    def __init__(self, events: Sequence[Any], pitch: PitchDimensions) -> None:
        self.period = np.array([event.period.id for event in events])
        self.seconds = np.array([event.timestamp.total_seconds() for event in events])
        self.frame_ids = np.array([int(event.raw_event["index"]) for event in events], np.int64)
        self.places, self.names, self.keepers = [], [], []
        self.balls = np.full((len(events), 2), np.nan)
        self.pitch = pitch
        for number, event in enumerate(events):
            # StatsBomb turns everything so that the acting team attacks to the right.
            turn = 1 if event.team.ground is Ground.HOME else -1
            self._add(event, turn)
            locations = [*self.places[number]]
            if event.coordinates is not None:
                self.balls[number] = turn * event.coordinates.x, turn * event.coordinates.y
                locations.append(self.balls[[number]])
            # Negated, so that what is not a number is an error too.
            if not (np.abs(np.concatenate(locations)) < FURTHEST).all():
                raise ValueError(f"'location' in event {self.frame_ids[number]} is off the pitch")

    def window(self, first: int, num_observed: int, num_frames: int, rate: float) -> dict[str, Any]:
        """Cut a window, as :func:`footmm.datasets.agent_windows.cut_window` does.

        Args:
            first: Number of the first frame.
            num_observed: Frames.
            num_frames: Frames with those after them, in which nobody is present.
            rate: Of the frames after them.
        """
        frames = range(first, first + num_observed)
        positions = np.zeros((num_frames, len(WINDOW_TEAM), 2), np.float32)
        present = np.zeros((num_frames, len(WINDOW_TEAM)), bool)
        goalkeeper = np.zeros(len(WINDOW_TEAM), bool)
        names: list[set[str]] = [set() for _ in WINDOW_TEAM]
        for team in (HOME, AWAY):
            places = np.flatnonzero(np.equal(WINDOW_TEAM, team))
            linked = self._linked(frames, team, len(places))
            for row, (frame, taken) in enumerate(zip(frames, linked, strict=True)):
                chosen = places[taken]
                positions[row, chosen] = self.places[frame][team]
                present[row, chosen] = True
                goalkeeper[chosen] |= self.keepers[frame][team]
                for place, name in zip(chosen, self.names[frame][team], strict=True):
                    names[place] |= {name} - {""}
        ball = int(np.flatnonzero(WINDOW_TEAM == BALL)[0])
        known = np.isfinite(self.balls[frames.start : frames.stop]).all(1)
        present[:num_observed, ball] = known
        positions[:num_observed, ball] = np.nan_to_num(self.balls[frames.start : frames.stop])
        after = np.arange(1, num_frames - num_observed + 1)
        last = frames.stop - 1
        return dict(
            positions=positions,
            present=present,
            team=WINDOW_TEAM.copy(),
            goalkeeper=goalkeeper,
            agent_ids=_sure(names),
            frame_ids=np.concatenate([self.frame_ids[list(frames)], self.frame_ids[last] + after]),
            source="statsbomb",
            rate=rate,
            period=int(self.period[first]),
            pitch_size=(self.pitch.length, self.pitch.width),
            seconds=np.concatenate(
                [self.seconds[list(frames)], self.seconds[last] + after / rate]
            ).astype(np.float32),
            num_observed=num_observed,
        )

    def _add(self, event: Any, turn: int) -> None:
        places: dict[int, list[tuple[float, float]]] = {HOME: [], AWAY: []}
        names: dict[int, list[str]] = {HOME: [], AWAY: []}
        keepers: dict[int, list[bool]] = {HOME: [], AWAY: []}
        for player, data in event.freeze_frame.players_data.items():
            team = HOME if player.team.ground is Ground.HOME else AWAY
            places[team].append((turn * data.coordinates.x, turn * data.coordinates.y))
            known = player.jersey_no is not None
            names[team].append(str(player.player_id) if known else "")
            keepers[team].append(player.starting_position is PositionType.Goalkeeper)
        self.places.append([np.array(places[team]).reshape(-1, 2)[:11] for team in (HOME, AWAY)])
        self.names.append([names[team][:11] for team in (HOME, AWAY)])
        self.keepers.append([np.array(keepers[team], bool)[:11] for team in (HOME, AWAY)])

    def _linked(self, frames: range, team: int, num_places: int) -> list[np.ndarray]:
        """For each frame, which place each of a team's players has."""
        last = np.full((num_places, 2), np.nan)
        when = np.full(num_places, -np.inf)
        result = []
        for frame in frames:
            found = self.places[frame][team]
            taken = _places_of(found, last, self.seconds[frame] - when)
            last[taken], when[taken] = found, self.seconds[frame]
            result.append(taken)
        return result


def _sure(names: Sequence[set[str]]) -> list[str]:
    """The one name of each place that no other place has; empty where there is none."""
    single = [next(iter(found)) if len(found) == 1 else "" for found in names]
    return [name if single.count(name) == 1 else "" for name in single]


def _places_of(found: np.ndarray, last: np.ndarray, elapsed: np.ndarray) -> np.ndarray:
    """Give players places: those they can have come from, or the place free for longest.

    Args:
        found: ``(P, 2)``, metres.
        last: ``(N, 2)``, where those who had the places were seen last; nan: nobody.
        elapsed: ``(N,)``, seconds since then.

    Returns:
        ``(P,)``, different places.
    """
    distance = np.linalg.norm(found[:, None] - last, axis=-1)
    reachable = distance <= _SPEED * np.minimum(elapsed, 1e3) + _SLACK
    # A free place is better than a leap, and the one free for longest the best.
    order = np.argsort(np.argsort(-elapsed, kind="stable"), kind="stable")
    cost = np.where(reachable & np.isfinite(distance), distance, _FAR + order)
    return linear_sum_assignment(cost)[1]


def read_freeze_frames(files: Mapping[str, Path]) -> tuple[FreezeFrames, MatchSheet]:
    """Read the freeze frames of a match, and who played what.

    Args:
        files: ``event_data``, ``lineup_data`` and ``three_sixty_data``.

    Raises:
        DataFormatError: kloppy cannot read the files, or they hold no freeze frame.
    """
    paths = {key: os.fspath(path) for key, path in files.items()}
    with damage_explained("StatsBomb", paths):
        dataset = statsbomb.load(**paths, coordinates="skillcorner")
        # An event that kloppy derives from another one, e.g. that the ball went out, repeats its
        # frame.
        events = [
            event
            for event in dataset.events
            if event.freeze_frame is not None and event.event_id == event.raw_event["id"]
        ]
        if not events:
            raise DataFormatError(
                f"{paths['three_sixty_data']} holds no freeze frame of the events"
            )
        return FreezeFrames(events, PitchDimensions()), sheet_of("statsbomb", dataset)
