"""Sequences of the main camera in the layout of SoccerNet's tracking task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.appearance import Role
from footmm.simulation.broadcast import CameraKind
from footmm.simulation.export.folder import Export, Item, LabelsOf, Unit
from footmm.simulation.export.scenes import (
    SPLITS,
    Frame,
    Venue,
    check_count,
    check_image_size,
    check_shares,
    clip_box,
    encode_jpeg,
    split_counts,
    venue_of,
)
from footmm.simulation.match import MatchSettings
from footmm.simulation.moment import NUM_AGENTS

FRAME_RATE = 25
_FRAMES_PER_UNIT = 25
_BALL = NUM_AGENTS
_SPOKEN_ROLES = {
    Role.PLAYER_LEFT: "player team left",
    Role.PLAYER_RIGHT: "player team right",
    # The plural is the official files'.
    Role.GOALKEEPER_LEFT: "goalkeepers team left",
    Role.GOALKEEPER_RIGHT: "goalkeeper team right",
}


@dataclass(frozen=True)
class TrackingExportSettings:
    """Everything that decides the bytes of a set of sequences.

    Attributes:
        seed: Seed of the whole set; every split draws from a stream of its own.
        num_sequences: Number of sequences of all splits; each is of a match of its own.
        num_frames: Frames of a sequence, 25 a second.
        image_size: Width and height in pixels.
        pitch_size: Length and width in metres.
        split_shares: Shares of the sequences in the train, valid and test splits.
        revision: Raised whenever the same settings give other files than before.
    """

    seed: int = 0
    num_sequences: int = 10
    num_frames: int = 750
    image_size: tuple[int, int] = (1920, 1080)
    pitch_size: tuple[float, float] = (105.0, 68.0)
    split_shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    revision: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        check_count("num_sequences", self.num_sequences)
        check_count("num_frames", self.num_frames)
        check_image_size(self.image_size)
        check_shares(self.split_shares)
        PitchDimensions(*self.pitch_size)


@dataclass(frozen=True)
class _TrackingSequence:
    """A sequence: name, place and match."""

    split: str
    number: int
    settings: TrackingExportSettings

    @property
    def folder(self) -> str:
        return f"{self.split}/{self.name}"

    @property
    def name(self) -> str:
        return f"SNMOT-{self.number:03d}"

    def venue(self) -> Venue:
        """Return the match; the same object to the units that follow each other."""
        settings = self.settings
        key = (settings.seed, SPLITS.index(self.split), self.number)
        pitch = PitchDimensions(*settings.pitch_size)
        match = MatchSettings(settings.num_frames / FRAME_RATE, FRAME_RATE, pitch)
        return venue_of(key, match, settings.image_size)

    def units(self) -> list[_TrackingUnit]:
        starts = range(0, self.settings.num_frames, _FRAMES_PER_UNIT)
        return [
            _TrackingUnit(self, start, min(_FRAMES_PER_UNIT, self.settings.num_frames - start))
            for start in starts
        ]


@dataclass(frozen=True)
class _TrackingUnit:
    """Some frames of a sequence."""

    sequence: _TrackingSequence
    first: int
    count: int

    @property
    def name(self) -> str:
        return f"{self.sequence.folder}/{self.first:06d}"

    def __len__(self) -> int:
        return self.count

    def items(self, start: int) -> Iterator[Item]:
        sequence, venue = self.sequence, self.sequence.venue()
        for index in range(self.first + start, self.first + self.count):
            seed = (sequence.settings.seed, SPLITS.index(sequence.split), sequence.number, index)
            frame = venue.draw(CameraKind.MAIN, index, np.random.default_rng(seed))
            path = f"{sequence.folder}/img1/{1 + index:06d}.jpg"
            yield Item({path: encode_jpeg(frame.image)}, _boxes(frame, venue))


def _boxes(frame: Frame, venue: Venue) -> list[list[Any]]:
    """Return agent or ball, description, left, top, width and height of what is seen."""
    size, labels = frame.labels.camera.image_size, frame.labels
    boxes = [(person.agent, person.full_box) for person in labels.persons]
    if labels.ball is not None:
        boxes.append((_BALL, labels.ball.box))
    return [
        [agent, _description(agent, venue), *_whole_pixels(clip_box(box, size))]
        for agent, box in boxes
    ]


def _description(agent: int, venue: Venue) -> str:
    """Say who a track is, in the official words."""
    if agent == _BALL:
        return "ball;1"
    identity = venue.identities[agent]
    if identity.role is Role.MAIN_REFEREE:
        return "referee;main"
    if identity.role is Role.SIDE_REFEREE:
        is_far = venue.tracks.positions[0, agent, 1] > 0
        return "referee;side top" if is_far else "referee;side bottom"
    return f"{_SPOKEN_ROLES[identity.role]};{identity.jersey_number}"


def _whole_pixels(box: tuple[float, float, float, float]) -> list[int]:
    left, top = round(box[0]), round(box[1])
    return [left, top, max(1, round(box[2])), max(1, round(box[3]))]


class SoccerNetTrackingExport(Export):
    """Sequences of the main camera as SoccerNet's tracking task gives them.

    ``<split>/SNMOT-NNN/`` with ``img1/%06d.jpg``, ``gt/gt.txt``, ``det/det.txt`` (the ground truth
    without identities), ``gameinfo.ini`` and ``seqinfo.ini``. A box encloses the whole person,
    hidden parts included, as far as the image goes, from the first pixel that is seen. Who leaves
    the picture and comes back keeps the track. As in the official files, boxes are whole pixels.

    Args:
        settings: What to draw.
    """

    folders = SPLITS

    def __init__(self, settings: TrackingExportSettings) -> None:
        self._settings = settings

    def settings(self) -> dict[str, Any]:
        """Return what decides the bytes."""
        return {"format": "soccernet-tracking", **asdict(self._settings)}

    def units(self) -> list[Unit]:
        """Return the units of all sequences, in order."""
        return [unit for sequence in self._sequences() for unit in sequence.units()]

    def _sequences(self) -> list[_TrackingSequence]:
        counts = split_counts(self._settings.num_sequences, self._settings.split_shares)
        splits = [split for split, count in counts.items() for _ in range(count)]
        return [
            _TrackingSequence(split, number, self._settings)
            for number, split in enumerate(splits, start=1)
        ]

    def index_files(self, labels_of: LabelsOf) -> Iterator[tuple[str, bytes]]:
        """Make the text files of every sequence."""
        for sequence in self._sequences():
            frames = [boxes for unit in sequence.units() for boxes in labels_of(unit)]
            # Tracks count from 1, in the order in which they appear.
            seen = {agent: description for boxes in frames for agent, description, *_ in boxes}
            tracks = {agent: 1 + index for index, agent in enumerate(seen)}
            people = {track: seen[agent] for agent, track in tracks.items()}
            files = {
                "gt/gt.txt": _mot_rows(frames, tracks),
                "det/det.txt": _mot_rows(frames, dict.fromkeys(tracks, -1)),
                "gameinfo.ini": _game_info(sequence, people),
                "seqinfo.ini": _sequence_info(sequence),
            }
            for name, lines in files.items():
                yield f"{sequence.folder}/{name}", "".join(f"{line}\n" for line in lines).encode()


def _mot_rows(frames: list[list[list[Any]]], tracks: dict[int, int]) -> list[str]:
    return [
        ",".join(map(str, (1 + index, tracks[agent], *box, 1, -1, -1, -1)))
        for index, boxes in enumerate(frames)
        for agent, _, *box in boxes
    ]


def _game_info(sequence: _TrackingSequence, people: dict[int, str]) -> list[str]:
    return [
        "[Sequence]",
        f"name={sequence.name}",
        f"gameID={sequence.number}",
        f"num_tracklets={len(people)}",
        *(f"trackletID_{track}= {description}" for track, description in people.items()),
    ]


def _sequence_info(sequence: _TrackingSequence) -> list[str]:
    width, height = sequence.settings.image_size
    return [
        "[Sequence]",
        f"name={sequence.name}",
        "imDir=img1",
        f"frameRate={FRAME_RATE}",
        f"seqLength={sequence.settings.num_frames}",
        f"imWidth={width}",
        f"imHeight={height}",
        "imExt=.jpg",
    ]
