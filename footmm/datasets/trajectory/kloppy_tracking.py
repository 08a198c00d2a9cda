"""Tracking data of every provider that kloppy reads."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import traceback
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kloppy.domain import (
    AttackingDirection,
    Frame,
    Ground,
    Orientation,
    Period,
    Player,
    Point,
    PositionType,
)
from kloppy.domain import PitchDimensions as KloppyPitchDimensions
from kloppy.domain import TrackingDataset as KloppyDataset
from mmengine.logging import print_log

from footmm.datasets.trajectory.base import TrajectoryDataset
from footmm.datasets.trajectory.cache import cached_tracks, content_key
from footmm.datasets.trajectory.last_row import read_last_row
from footmm.datasets.trajectory.preparation import (
    MAX_GAP_S,
    MAX_SHARE_OF_ERRORS,
    RawTracks,
    prepare_tracks,
)
from footmm.datasets.trajectory.skillcorner_detections import has_guesses, read_detections
from footmm.datasets.trajectory.tracking_providers import (
    FilePaths,
    TrackingProvider,
    all_files,
    checked_files,
    get_provider,
    path_list,
)
from footmm.errors import ConfigError, DataFormatError, FootmmError, did_you_mean
from footmm.pitch.dimensions import PitchDimensions
from footmm.registry import DATASETS
from footmm.structures.agent_tracks import AWAY, BALL, HOME, AgentTracks

BALL_ID = "ball"
#: kloppy's name of footmm's world frame but for the direction of play: metres, centred, y up.
_COORDINATES = "skillcorner"
#: What this module decides for kloppy.
_OWN_OPTIONS = ("coordinates", "sample_rate")
_TEAMS = {Ground.HOME: HOME, Ground.AWAY: AWAY}
_BALL_COLUMN = -1
#: The second half of extra time.
_LAST_PERIOD = 4
#: kloppy's names, and those of some providers, of a frame's number.
_FRAME_KEYS = ("frame", "frameNum", "frameIdx", "idx")
#: The sides of the teams are believed to be seen in the positions where so many seconds of a
#: period tell so clearly.
_MIN_SECONDS_OF_SIDES = 60.0
_CLEAR_SHARE = 0.7
_MIN_PLAYERS_OF_SIDES = 3


@DATASETS.register_module()
class TrackingDataset(TrajectoryDataset):
    """Windows of the tracking data of any provider that kloppy reads, and of Last Row.

    Every match is read, checked and resampled once (see
    :func:`footmm.datasets.trajectory.preparation.prepare_tracks`), and kept in ``cache_dir`` under
    a name that changes with the content of its files and with all settings.

    Splits are by match: list those of training, validation and test in ``matches`` of one dataset
    each. ``part`` divides the only match there is.

    .. code-block:: python

        dict(
            type="TrackingDataset",
            provider="skillcorner",
            data_root="data/skillcorner/data/matches",
            matches=["1886347", "1899585"],
            files=dict(
                meta_data="{match}/{match}_match.json",
                raw_data="{match}/{match}_tracking_extrapolated.jsonl",
            ),
        )

    Args:
        data_root: Folder that paths are relative to.
        provider: A name in :data:`footmm.datasets.trajectory.tracking_providers.PROVIDERS`.
        matches: Names of matches, which ``files`` turns into paths; or dicts that give the paths
            themselves, by the provider's file arguments. A path may be a list of paths where
            kloppy takes several (``raw_data_feeds`` of Signality, feeds of Hawk-Eye).
        files: By the provider's file arguments, paths with ``{match}`` in place of the name.
        rate: Frames a second of the windows.
        max_gap_s: Seconds without a measurement over which positions are still interpolated.
        max_share_of_errors: Share of impossible positions from which on a match is refused.
        cache_dir: Folder of the prepared matches, relative to the working directory.
        loader_options: Further arguments of kloppy's loader, e.g. ``pitch_length``.
        detected_only: Whether players and balls that SkillCorner's camera did not see, whose
            places are guessed, count as missing. Other providers do not tell.
        **kwargs: Arguments of :class:`footmm.datasets.trajectory.TrajectoryDataset`.

    Raises:
        ConfigError: An argument has an impossible value, or a match is listed twice.
        DatasetNotFoundError: A file is missing.
        DataFormatError: A file is truncated or inconsistent, or there is not a single window.
    """

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        provider: str,
        matches: Sequence[str | Mapping[str, FilePaths]],
        files: Mapping[str, FilePaths] | None = None,
        rate: float = 6.25,
        max_gap_s: float = MAX_GAP_S,
        max_share_of_errors: float = MAX_SHARE_OF_ERRORS,
        cache_dir: str | os.PathLike[str] = "data/cache/tracking",
        loader_options: Mapping[str, Any] | None = None,
        detected_only: bool = True,
        **kwargs: Any,
    ) -> None:
        self.provider = provider
        self.matches = list(matches)
        self.files = dict(files or {})
        self.rate = rate
        self.max_gap_s = max_gap_s
        self.max_share_of_errors = max_share_of_errors
        self.cache_dir = os.fspath(cache_dir)
        self.loader_options = dict(loader_options or {})
        self.detected_only = detected_only
        title = get_provider(provider).title
        super().__init__(data_root=os.fspath(data_root), **kwargs)
        self._metainfo.setdefault("data_source", title)

    def load_tracks(self) -> list[AgentTracks]:
        """Return the prepared matches."""
        files_by_match: dict[str, dict[str, list[Path]]] = {}
        # Look for all files before any is read: reading takes long.
        for match in self.matches:
            name, files = self._files_of(match)
            if name in files_by_match:
                raise ConfigError(f"TrackingDataset: matches lists '{name}' twice")
            files_by_match[name] = files
        return [self._load_match(name, files) for name, files in files_by_match.items()]

    def _files_of(self, match: str | Mapping[str, FilePaths]) -> tuple[str, dict[str, list[Path]]]:
        """Name and files of a match; all of them exist."""
        named = not isinstance(match, Mapping)
        name = str(match) if named else ""
        files = {
            key: [
                Path(self.data_root, str(path).replace("{match}", name))
                for path in path_list(paths)
            ]
            for key, paths in (self.files if named else match).items()
        }
        files = checked_files(self.provider, files)
        tracks = files[get_provider(self.provider).files[-1]][0]
        return name or tracks.stem, files

    def _load_match(self, name: str, files: dict[str, list[Path]]) -> AgentTracks:
        preparation = dict(
            rate=self.rate,
            max_gap_s=self.max_gap_s,
            max_share_of_errors=self.max_share_of_errors,
        )

        def make() -> AgentTracks:
            raw = read_tracking(self.provider, files, name, self.loader_options, self.detected_only)
            return prepare_tracks(raw, **preparation)

        sources = {key: [*all_files(paths)] for key, paths in files.items()}
        settings = preparation | dict(
            provider=self.provider,
            loader_options=self.loader_options,
            detected_only=self.detected_only,
        )
        tracks = cached_tracks(self.cache_dir, content_key(sources, settings), make)
        # The same files may have been read under another name.
        return replace(tracks, match=name)


def read_tracking(
    provider: str,
    files: Mapping[str, FilePaths],
    match: str = "",
    loader_options: Mapping[str, Any] | None = None,
    detected_only: bool = False,
) -> RawTracks:
    """Read a match of any known provider as it is delivered.

    Arguments and errors are those of :func:`read_kloppy`.
    """
    if provider != "lastrow":
        return read_kloppy(provider, files, match, loader_options, detected_only)
    if loader_options:
        raise ConfigError(f"provider='{provider}' has no loader_options")
    return read_last_row(checked_files(provider, files)["raw_data"][0], match)


def read_kloppy(
    provider: str,
    files: Mapping[str, FilePaths],
    match: str = "",
    loader_options: Mapping[str, Any] | None = None,
    detected_only: bool = False,
) -> RawTracks:
    """Read a match through kloppy, as it is delivered: at the source's own times, not turned.

    The agents are all players on the teams' lists, those that appear in frames without being
    listed, and the ball, last. Positions that are not a number are missing.

    The home team's direction of play is what kloppy finds. Some of its readers look at the first
    frame only, and it takes for granted that teams change ends; where the positions of a period
    clearly tell otherwise they are believed, with a warning. Frames of no period, and of those
    for which kloppy knows no direction (penalty shootouts), are left out.

    Args:
        provider: A name in :data:`footmm.datasets.trajectory.tracking_providers.PROVIDERS`, but
            not ``"lastrow"``.
        files: By the loader's file arguments: a path, or several.
        match: Name of the match.
        loader_options: Further arguments of kloppy's loader.
        detected_only: Whether positions that SkillCorner guessed are left out.

    Raises:
        ConfigError: The provider, a file argument or an option is not known.
        DatasetNotFoundError: A file is missing.
        DataFormatError: kloppy cannot read the files, or finds nothing in them.
    """
    known = get_provider(provider)
    paths = {
        key: [os.fspath(path) for path in given]
        for key, given in checked_files(provider, files).items()
    }
    load = _loader(known)
    options = dict(loader_options or {})
    _check_options(provider, options, load)
    arguments = {key: given[0] if len(given) == 1 else given for key, given in paths.items()}
    if detected_only and provider == "skillcorner" and has_guesses(arguments["raw_data"]):
        arguments["raw_data"] = read_detections(arguments["raw_data"])
    try:
        dataset = load(**arguments, **options, coordinates=_COORDINATES)
    except (MemoryError, PermissionError):
        raise
    # kloppy lets through whatever goes wrong inside it.
    except Exception as error:
        raise DataFormatError(_explain(error, known, paths)) from error
    if provider == "metrica_csv":
        _check_same_length(*(Path(given[0]) for given in paths.values()))
    try:
        return _to_raw_tracks(dataset, provider, match, _shortened(paths[known.files[-1]]))
    except FootmmError:
        raise
    # kloppy hands on what a file has in place of a number.
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataFormatError(_explain(error, known, paths)) from error


def _check_same_length(home: Path, away: Path) -> None:
    """Refuse files of two teams with unlike numbers of frames, of which kloppy drops the rest."""
    lengths = {path: len(path.read_bytes().splitlines()) for path in (home, away)}
    shorter = min(lengths, key=lengths.__getitem__)
    if lengths[home] != lengths[away]:
        last = shorter.read_bytes().splitlines()[-1].decode(errors="replace").split(",")
        raise DataFormatError(
            f"{shorter} has {lengths[shorter]} lines, the other team's file "
            f"{max(lengths.values())}; it ends after frame {''.join(last[1:2])} and is truncated: "
            "get it again"
        )


def _loader(provider: TrackingProvider) -> Callable[..., KloppyDataset]:
    if not provider.loader:
        raise ConfigError(f"{provider.title} is not read through kloppy; use read_tracking")
    module, _, function = provider.loader.partition(".")
    return getattr(importlib.import_module(f"kloppy.{module}"), function)


def _check_options(provider: str, options: Mapping[str, Any], load: Callable[..., Any]) -> None:
    known = get_provider(provider)
    taken = {*known.files, *known.optional_files, *_OWN_OPTIONS}
    possible = set(inspect.signature(load).parameters) - taken
    for name in options:
        if name not in possible:
            raise ConfigError(
                f"loader_options has '{name}'{did_you_mean(name, possible)} (provider="
                f"'{provider}' takes {', '.join(sorted(possible))}; footmm resamples by itself)"
            )


def _shortened(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} (and {len(paths) - 1} more)"


def _explain(
    error: Exception, provider: TrackingProvider, paths: Mapping[str, Sequence[str]]
) -> str:
    what = f"{type(error).__name__}: {error}"
    # It takes the direction of play from the first half.
    if isinstance(error, StopIteration) or (isinstance(error, KeyError) and error.args == (1,)):
        what = f"no frame of the first half, which kloppy needs ({type(error).__name__})"
    files = ", ".join(f"{key} {_shortened(given)}" for key, given in paths.items())
    return (
        f"kloppy cannot read {files} as {provider.title} data: {what}{_last_frame(error)}. "
        "The files are truncated or damaged, of another version, or do not belong together; get "
        "them again"
    )


def _last_frame(error: Exception) -> str:
    """The frame that kloppy was at, where its variables still tell."""
    for scope, _ in reversed([*traceback.walk_tb(error.__traceback__)]):
        variables = scope.f_locals
        numbers = [variables.get("frame_id")]
        for value in variables.values():
            if isinstance(value, dict):
                numbers += [value.get(key) for key in _FRAME_KEYS]
        for number in numbers:
            if isinstance(number, (int, str)) and str(number).isdecimal():
                return f" (in or after frame {number})"
    return ""


class _Positions:
    """What one pass over kloppy's frames collects.

    Args:
        players: Those that are known before; others are found in the frames.
    """

    def __init__(self, players: Iterable[Player]) -> None:
        self.players = list(players)
        self._columns = {player.player_id: column for column, player in enumerate(self.players)}
        # A match has millions of positions: lists of objects would take gigabytes.
        self._frames, self._agents = array("i"), array("i")
        self._x, self._y = array("d"), array("d")

    def add(self, number: int, frame: Frame) -> None:
        """Take the positions of a frame, the one with this number."""
        for player, data in frame.players_data.items():
            if data.coordinates is not None:
                column = self._columns.get(player.player_id)
                column = self._new(player) if column is None else column
                self._append(number, column, data.coordinates)
        if frame.ball_coordinates is not None:
            self._append(number, _BALL_COLUMN, frame.ball_coordinates)

    def arrays(self, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions ``(T, A, 2)`` and whether they are known ``(T, A)``; the ball is last."""
        positions = np.full((num_frames, len(self.players) + 1, 2), np.nan, np.float32)
        positions[self._frames, self._agents] = np.stack([self._x, self._y], axis=1)
        present = ~np.isnan(positions).any(2)
        positions[~present] = 0
        return positions, present

    def _new(self, player: Player) -> int:
        column = self._columns[player.player_id] = len(self.players)
        self.players.append(player)
        return column

    def _append(self, frame: int, agent: int, point: Point) -> None:
        self._frames.append(frame)
        self._agents.append(agent)
        self._x.append(np.nan if point.x is None else point.x)
        self._y.append(np.nan if point.y is None else point.y)


def _to_raw_tracks(dataset: KloppyDataset, provider: str, match: str, origin: str) -> RawTracks:
    metadata = dataset.metadata
    frames = [frame for frame in dataset.records if _is_played(frame.period)]
    if not frames:
        raise DataFormatError(f"{origin}: kloppy finds no frame of a half in it")
    found = _Positions(player for team in metadata.teams for player in team.players)
    for number, frame in enumerate(frames):
        found.add(number, frame)
    positions, present = found.arrays(len(frames))
    raw = RawTracks(
        match=match,
        source=provider,
        origin=origin,
        rate=float(metadata.frame_rate),
        times=np.array([frame.timestamp.total_seconds() for frame in frames]),
        period=np.array([frame.period.id for frame in frames], np.int8),
        frame_ids=np.array([frame.frame_id for frame in frames], np.int64),
        positions=positions,
        present=present,
        team=np.array([*(_TEAMS[player.team.ground] for player in found.players), BALL], np.int8),
        goalkeeper=np.array([*map(_is_goalkeeper, found.players), False]),
        agent_ids=(*(str(player.player_id) for player in found.players), BALL_ID),
        home_attacks_right={},
        pitch=_pitch(metadata.pitch_dimensions, origin),
    )
    stated = _stated_directions(
        metadata.orientation, {frame.period.id: frame.period for frame in frames}
    )
    return replace(raw, home_attacks_right=_directions(raw, stated))


def _is_played(period: Period | None) -> bool:
    # A shootout, period 5, is played at one goal by both teams.
    return period is not None and 1 <= period.id <= _LAST_PERIOD


def _is_goalkeeper(player: Player) -> bool:
    # Hawk-Eye's reader leaves the provider's word.
    return player.starting_position in (PositionType.Goalkeeper, "Goalkeeper")


def _pitch(dimensions: KloppyPitchDimensions, origin: str) -> PitchDimensions:
    try:
        return PitchDimensions(float(dimensions.pitch_length), float(dimensions.pitch_width))
    except ConfigError as error:
        raise DataFormatError(f"{origin}: {error}") from error


def _stated_directions(orientation: Orientation, periods: Mapping[int, Period]) -> dict[int, bool]:
    """By period, whether kloppy lets the home team attack to the right; empty if it cannot tell."""
    if orientation is Orientation.NOT_SET:
        return {}
    return {
        number: AttackingDirection.from_orientation(orientation, period) is AttackingDirection.LTR
        for number, period in periods.items()
    }


def _directions(raw: RawTracks, stated: Mapping[int, bool]) -> dict[int, bool]:
    """By period, whether the home team attacks to the right: as stated, or as clearly seen."""
    directions = dict(stated)
    for number in np.unique(raw.period).tolist():
        share, seconds = _share_attacking_right(raw, number)
        if number not in stated:
            if seconds:
                directions[number] = share > 0.5
            continue
        clear = seconds >= _MIN_SECONDS_OF_SIDES and not 1 - _CLEAR_SHARE < share < _CLEAR_SHARE
        if clear and stated[number] != (share > 0.5):
            directions[number] = not stated[number]
            print_log(
                f"{raw.origin}: kloppy lets the home team attack to the "
                f"{'right' if stated[number] else 'left'} in period {number}, but in "
                f"{max(share, 1 - share):.0%} of its frames the home team is on the other side of "
                "the away team; the positions are believed",
                logger="current",
                level=logging.WARNING,
            )
    return directions


def _share_attacking_right(raw: RawTracks, period: int) -> tuple[float, float]:
    """In how much of a period the home team is left of the away team; of how many seconds."""
    frames = raw.period == period
    x, present = raw.positions[frames, :, 0], raw.present[frames]
    counts, means = [], []
    for team in (HOME, AWAY):
        members = present & (raw.team == team)
        counts.append(members.sum(1))
        means.append(np.where(members, x, 0).sum(1) / np.maximum(counts[-1], 1))
    enough = np.minimum(*counts) >= _MIN_PLAYERS_OF_SIDES
    if not enough.any():
        return 0.0, 0.0
    return float((means[0] < means[1])[enough].mean()), enough.sum() / raw.rate
