"""What the image formats share: which moments of which matches are filmed by which cameras."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

import cv2
import numpy as np

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.appearance import Identity, sample_match_identities
from footmm.simulation.broadcast import (
    CameraKind,
    CameraOperator,
    camera_motion_px,
    sample_camera_operator,
)
from footmm.simulation.export.folder import Export, Item, LabelsOf, Unit
from footmm.simulation.gait import gait_phases
from footmm.simulation.labels import FrameLabels
from footmm.simulation.match import MatchSettings, simulate_match
from footmm.simulation.renderer import FrameRenderer
from footmm.simulation.stadium import Stadium, sample_stadium
from footmm.simulation.tracks import MatchTracks

SPLITS = ("train", "valid", "test")
IMAGES_PER_MATCH = 40
JPEG_QUALITY = 90
_MATCH_SECONDS = 120.0
_MATCH_RATE = 10.0

BROADCAST_MIX: Mapping[CameraKind, float] = {
    CameraKind.MAIN: 0.6,
    CameraKind.TACTICAL: 0.2,
    CameraKind.SIXTEEN_METRES_LEFT: 0.04,
    CameraKind.SIXTEEN_METRES_RIGHT: 0.04,
    CameraKind.HIGH_BEHIND_LEFT: 0.04,
    CameraKind.HIGH_BEHIND_RIGHT: 0.04,
    CameraKind.BEHIND_GOAL_LEFT: 0.02,
    CameraKind.BEHIND_GOAL_RIGHT: 0.02,
}
"""How often each camera films an image of a broadcast set; the real sets are those of the main
camera, with few others among them."""


@dataclass(frozen=True)
class ImageExportSettings:
    """Everything that decides the bytes of a set of images.

    Attributes:
        seed: Seed of the whole set; every split draws from a stream of its own.
        num_images: Number of images of all splits.
        image_size: Width and height in pixels.
        pitch_size: Length and width in metres.
        split_shares: Shares of the images in the train, valid and test splits; they add up to 1.
        revision: Raised whenever the same settings give other files than before.
    """

    seed: int = 0
    num_images: int = 2000
    image_size: tuple[int, int] = (960, 540)
    pitch_size: tuple[float, float] = (105.0, 68.0)
    split_shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    revision: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        check_count("num_images", self.num_images)
        check_shares(self.split_shares)
        check_image_size(self.image_size)
        PitchDimensions(*self.pitch_size)

    @property
    def pitch(self) -> PitchDimensions:
        """The pitch of all matches."""
        return PitchDimensions(*self.pitch_size)

    def as_json(self, name: str) -> dict[str, Any]:
        """Return what tells an export of this format from others."""
        return {"format": name, **asdict(self)}


def check_count(name: str, value: int) -> None:
    """Refuse fewer than one of something.

    Raises:
        ConfigError: See above.
    """
    if value < 1:
        raise ConfigError(f"{name}={value}: give 1 or more")


def check_shares(shares: tuple[float, ...]) -> None:
    """Refuse shares of the splits that do not add up.

    Raises:
        ConfigError: See above.
    """
    if len(shares) != len(SPLITS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ConfigError(
            f"split_shares={shares}: give the shares of {', '.join(SPLITS)}; they add up to 1"
        )


def check_image_size(image_size: tuple[int, int]) -> None:
    """Refuse images too small to see anything, or that no disk would hold.

    Raises:
        ConfigError: See above.
    """
    if not all(64 <= side <= 8192 for side in image_size):
        raise ConfigError(f"image_size={image_size}: give sides of 64 to 8192 pixels")


def split_counts(total: int, shares: tuple[float, ...]) -> dict[str, int]:
    """Deal a number of things out to the splits, the largest remainders first.

    Args:
        total: How many there are.
        shares: Of the splits, adding up to 1.

    Returns:
        Their numbers by split, adding up to ``total``.
    """
    exact = np.asarray(shares) * total
    counts = np.floor(exact + 1e-9).astype(int)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return dict(zip(SPLITS, counts.tolist(), strict=True))


@dataclass(frozen=True)
class Frame:
    """An image and what is known about it.

    Attributes:
        image: ``(H, W, 3)`` uint8, BGR.
        labels: Camera, persons and ball.
        kind: The camera that filmed it.
    """

    image: np.ndarray
    labels: FrameLabels
    kind: CameraKind


Accepts = Callable[[Camera], bool]
"""Whether a format can use what a camera shows."""


def accept_all(camera: Camera) -> bool:
    """Accept every camera."""
    return True


class Venue:
    """A match in its stadium, with the people and the cameras of its broadcast.

    Args:
        seed: Of everything.
        match: How long the match is, on which pitch.
        image_size: Width and height in pixels.
    """

    def __init__(
        self, seed: np.random.SeedSequence, match: MatchSettings, image_size: tuple[int, int]
    ) -> None:
        match_seed, people_seed, stadium_seed, self._camera_seed = seed.spawn(4)
        self.tracks: MatchTracks = simulate_match(match, match_seed)
        self.identities: list[Identity] = sample_match_identities(
            np.random.default_rng(people_seed)
        )
        stadium: Stadium = sample_stadium(np.random.default_rng(stadium_seed), match.pitch)
        self._phases = gait_phases(self.tracks.positions, self.tracks.rate)
        self._shutter = stadium.exposure.shutter_s * self.tracks.rate
        self._renderer = FrameRenderer(self.identities, stadium, image_size)
        self._pitch = match.pitch
        self._image_size = image_size
        self._films: dict[CameraKind, tuple[Camera, np.ndarray]] = {}

    def film(self, kind: CameraKind) -> tuple[Camera, np.ndarray]:
        """Film the whole match.

        Returns:
            Cameras ``(T,)``, and how far the picture moves in each, pixels ``(T, 2)``.
        """
        if kind not in self._films:
            cameras = self._operator(kind).film(self.tracks)
            motion = camera_motion_px(cameras, self._shutter)
            self._films[kind] = cameras, motion.numpy()
        return self._films[kind]

    def _operator(self, kind: CameraKind) -> CameraOperator:
        # The same camera whichever others were asked for before.
        number = list(CameraKind).index(kind)
        seed = np.random.SeedSequence(
            self._camera_seed.entropy, spawn_key=(*self._camera_seed.spawn_key, number)
        )
        rng = np.random.default_rng(seed)
        return sample_camera_operator(kind, rng, self._pitch, self._image_size)

    def draw(self, kind: CameraKind, index: int, rng: np.random.Generator) -> Frame:
        """Draw what a camera sees.

        Args:
            kind: Which camera.
            index: Number of the match's frame.
            rng: Source of noise.
        """
        cameras, motion = self.film(kind)
        moment = self.tracks.moment(index)
        image, labels = self._renderer.render(
            cameras[index], moment, rng, tuple(motion[index]), self._phases[index]
        )
        return Frame(image, labels, kind)


@dataclass(frozen=True)
class Scenes:
    """Images of one match, drawn by one process.

    Attributes:
        split: One of :data:`SPLITS`.
        number: Of the match in its split.
        num_images: How many images are taken.
        settings: Of the set.
        mix: How often each camera is taken.
        accepts: Which views the format can use; a function that can be pickled.
    """

    split: str
    number: int
    num_images: int
    settings: ImageExportSettings
    mix: Mapping[CameraKind, float]
    accepts: Accepts = accept_all

    @property
    def name(self) -> str:
        """Unique in the set."""
        return f"{self.split}/{self.number:06d}"

    @property
    def first_image(self) -> int:
        """Number of the first image in its split."""
        return self.number * IMAGES_PER_MATCH

    def frames(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Draw the images from number ``start`` of this match on.

        The images are spread evenly over the match; one whose view does not do is replaced by
        another camera's or moment's.

        Yields:
            Number of the image in its split, and the image.
        """
        key = (self.settings.seed, SPLITS.index(self.split), self.number)
        match = MatchSettings(_MATCH_SECONDS, _MATCH_RATE, self.settings.pitch)
        venue = venue_of(key, match, self.settings.image_size)
        for index in range(start, self.num_images):
            rng = np.random.default_rng([*key, index])
            kind, frame = self._choose(venue, index, rng)
            yield self.first_image + index, venue.draw(kind, frame, rng)

    def _choose(self, venue: Venue, index: int, rng: np.random.Generator) -> tuple[CameraKind, int]:
        kinds, shares = list(self.mix), list(self.mix.values())
        place = (index + rng.random()) / self.num_images
        while True:
            kind = kinds[int(rng.choice(len(kinds), p=shares))]
            frame = int(place * venue.tracks.num_frames)
            if self.accepts(venue.film(kind)[0][frame]):
                return kind, frame
            place = rng.random()


@lru_cache(maxsize=1)
def venue_of(key: tuple[int, ...], match: MatchSettings, image_size: tuple[int, int]) -> Venue:
    """Return a venue; the same object as long as units of one match follow each other.

    Args:
        key: Seed of everything.
        match: How long the match is, on which pitch.
        image_size: Width and height in pixels.
    """
    return Venue(np.random.SeedSequence(key), match, image_size)


def plan_scenes(
    settings: ImageExportSettings, mix: Mapping[CameraKind, float], accepts: Accepts = accept_all
) -> dict[str, list[Scenes]]:
    """Divide the images of a set among matches, none of which is in two splits.

    Args:
        settings: Of the set.
        mix: How often each camera is taken.
        accepts: See :class:`Scenes`.

    Returns:
        The matches by split.
    """
    plan = {}
    for split, total in split_counts(settings.num_images, settings.split_shares).items():
        plan[split] = [
            Scenes(
                split,
                first // IMAGES_PER_MATCH,
                min(IMAGES_PER_MATCH, total - first),
                settings,
                mix,
                accepts,
            )
            for first in range(0, total, IMAGES_PER_MATCH)
        ]
    return plan


@dataclass(frozen=True)
class SceneUnit(ABC):
    """The images of one match as a unit of an export; a format says what is written of each.

    Attributes:
        scenes: The images.
    """

    scenes: Scenes

    @property
    def name(self) -> str:
        """Unique in the export."""
        return self.scenes.name

    def __len__(self) -> int:
        return self.scenes.num_images

    def items(self, start: int) -> Iterator[Item]:
        """Draw the images from number ``start`` of this match on."""
        for number, frame in self.scenes.frames(start):
            yield self.item(number, frame)

    @abstractmethod
    def item(self, number: int, frame: Frame) -> Item:
        """Return what is written of an image.

        Args:
            number: Of the image in its split.
            frame: The image and its labels.
        """


class SceneExport(Export):
    """An export of single images.

    Args:
        settings: What to draw.
    """

    format_name: ClassVar[str]
    unit: ClassVar[type[SceneUnit]]
    mix: ClassVar[Mapping[CameraKind, float]] = BROADCAST_MIX
    accepts: ClassVar[Accepts] = staticmethod(accept_all)

    def __init__(self, settings: ImageExportSettings) -> None:
        self.image_settings = settings

    def settings(self) -> dict[str, Any]:
        """Return what decides the bytes."""
        return self.image_settings.as_json(self.format_name)

    def plan(self) -> dict[str, list[SceneUnit]]:
        """Return the units by split."""
        plan = plan_scenes(self.image_settings, self.mix, self.accepts)
        return {split: [self.unit(scenes) for scenes in matches] for split, matches in plan.items()}

    def units(self) -> list[Unit]:
        """Return one unit per match."""
        return [unit for units in self.plan().values() for unit in units]

    def index_files(self, labels_of: LabelsOf) -> Iterator[tuple[str, bytes]]:
        """Make nothing; formats with annotations of whole splits make those."""
        return iter(())


def encode_jpeg(image: np.ndarray) -> bytes:
    """Return an image ``(H, W, 3)``, BGR, as a JPEG file."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()


def clip_box(
    box: tuple[float, float, float, float], image_size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Return the part of a box (left, top, width, height) inside the image."""
    left, top, width, height = box
    right, bottom = min(left + width, image_size[0]), min(top + height, image_size[1])
    left, top = max(left, 0.0), max(top, 0.0)
    return left, top, right - left, bottom - top
