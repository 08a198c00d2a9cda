"""Players in the layout of SoccerNet-ReID."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from footmm.errors import ConfigError
from footmm.simulation.appearance import (
    Identity,
    Scene,
    View,
    sample_match_identities,
    sample_scene,
    sample_view,
)
from footmm.simulation.export.folder import (
    Export,
    Item,
    LabelsOf,
    Unit,
    encode_json,
    write_folder_at_once,
)
from footmm.simulation.player_crop import PlayerCropLabels, render_player_crop

SPLITS = ("train", "valid", "test", "challenge")
_CROPS_PER_UNIT = 64
_HEADING_SPREAD = 0.5
"""How much a person turns between two frames of an action (standard deviation, radians)."""


@dataclass(frozen=True)
class SoccerNetReIDExportSettings:
    """Everything that decides the bytes of a synthetic SoccerNet-ReID folder.

    Attributes:
        seed: Seed of the whole folder; every split draws from a stream of its own.
        train_games: Number of matches in the training split.
        valid_games: Number of matches in the validation split.
        test_games: Number of matches in the test split.
        challenge_games: Number of matches in the challenge split.
        actions_per_game: Number of actions of every match.
        persons_per_action: Smallest and largest number of persons in an action, at most 25.
        crops_per_person: Smallest and largest number of crops of a person in an action; one is of
            the main camera, the others of different replays.
        height_px: Smallest and largest apparent height in pixels of an upright person of 1.80 m.
        occlusion: Probability that another person is in the crop.
        revision: Raised whenever the same settings give other pictures than before, so that a
            folder of an older release is not taken for a new one.
    """

    seed: int = 0
    train_games: int = 72
    valid_games: int = 4
    test_games: int = 18
    challenge_games: int = 2
    actions_per_game: int = 2
    persons_per_action: tuple[int, int] = (10, 14)
    crops_per_person: tuple[int, int] = (2, 5)
    height_px: tuple[float, float] = (72.0, 250.0)
    occlusion: float = 0.1
    revision: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        limits = {
            "persons_per_action": (1, 25),
            "crops_per_person": (2, 100),
            "height_px": (20, 400),
        }
        for key, (low, high) in limits.items():
            first, last = getattr(self, key)
            if not low <= first <= last <= high:
                raise ConfigError(
                    f"SoccerNetReIDExportSettings.{key}={(first, last)}: give a smallest and a "
                    f"largest value between {low} and {high}"
                )
        counts = ("actions_per_game", *(f"{split}_games" for split in SPLITS))
        for key in counts:
            if getattr(self, key) < 0:
                raise ConfigError(
                    f"SoccerNetReIDExportSettings.{key}={getattr(self, key)}: give 0 or more"
                )

        if not 0 <= self.occlusion <= 1:
            raise ConfigError(
                f"SoccerNetReIDExportSettings.occlusion={self.occlusion}: give a share of 0 to 1"
            )

    def games(self, split: str) -> int:
        """Return the number of matches of a split."""
        return getattr(self, f"{split}_games")


@dataclass(frozen=True)
class _Frame:
    """One frame of an action: the main camera's, or a replay's."""

    scene: Scene
    camera_direction: float
    height_px: tuple[float, float]


@dataclass(frozen=True)
class _Sighting:
    """One person in one frame."""

    person: int
    frame: int
    view: View


@dataclass(frozen=True)
class PlayerCrop:
    """One picture to be drawn, and what its name says.

    Attributes:
        identity: Who is seen.
        view: How.
        seed: Seed of what else is random in the picture.
        split: One of :data:`SPLITS`.
        role: ``train``, ``query`` or ``gallery``.
        bbox_idx: Number of the picture in its role.
        action_idx: Number of the action in its split.
        person_uid: Number of the person, in this action only.
        frame_idx: 0 in the main camera, otherwise the number of the replay.
        folder: Championship, season, match and action.
        anonymous: Whether the file name keeps the identity to itself.
    """

    identity: Identity
    view: View
    seed: int
    split: str
    role: str
    bbox_idx: int
    action_idx: int
    person_uid: int
    frame_idx: int
    folder: str
    anonymous: bool

    @property
    def shirt_id(self) -> str:
        """The field ``ID`` of the file name: the jersey number, or ``None`` for referees."""
        return str(self.identity.jersey_number)

    @property
    def uai(self) -> str:
        """The field ``UAI``: action and replay."""
        return f"{self.action_idx:03d}r{self.frame_idx:03d}"


PathOf = Callable[[PlayerCrop, PlayerCropLabels], str]
"""Where a layout puts a crop: path relative to the folder that is written."""


@dataclass(frozen=True)
class CropUnit:
    """Some crops that one process draws.

    Attributes:
        name: See :class:`footmm.simulation.export.folder.Unit`.
        crops: What to draw.
        path_of: Where it goes; a function that can be pickled.
    """

    name: str
    crops: Sequence[PlayerCrop]
    path_of: PathOf

    def __len__(self) -> int:
        return len(self.crops)

    def items(self, start: int) -> Iterator[Item]:
        """Draw the crops from number ``start`` on."""
        for crop in self.crops[start:]:
            image, labels = render_player_crop(
                crop.identity, crop.view, np.random.default_rng(crop.seed)
            )
            _, encoded = cv2.imencode(".png", image)
            yield Item({self.path_of(crop, labels): encoded.tobytes()}, asdict(labels))


def crop_units(
    split: str, settings: SoccerNetReIDExportSettings, path_of: PathOf
) -> list[CropUnit]:
    """Return the units of one split.

    Args:
        split: One of :data:`SPLITS`.
        settings: What to draw.
        path_of: See :class:`CropUnit`.
    """
    crops = list(_plan_split(split, settings))
    starts = range(0, len(crops), _CROPS_PER_UNIT)
    return [
        CropUnit(f"{split}/{number:06d}", crops[start : start + _CROPS_PER_UNIT], path_of)
        for number, start in enumerate(starts)
    ]


class SoccerNetReIDExport(Export):
    """Synthetic persons as a SoccerNet-ReID folder.

    Args:
        settings: What to draw.
    """

    folders = ()

    def __init__(self, settings: SoccerNetReIDExportSettings) -> None:
        self._settings = settings

    def settings(self) -> dict[str, Any]:
        """Return what decides the bytes."""
        return {"format": "soccernet-reid", **asdict(self._settings)}

    def units(self) -> list[Unit]:
        """Return the units of all splits."""
        return [unit for units in self._plan.values() for unit in units]

    def index_files(self, labels_of: LabelsOf) -> Iterator[tuple[str, bytes]]:
        """Make ``<split>_bbox_info.json`` of every split."""
        for split in SPLITS:
            roles = ("train",) if split == "train" else ("query", "gallery")
            info: dict[str, dict[str, dict]] = {role: {} for role in roles}
            for unit in self._plan[split]:
                for crop, labels in zip(unit.crops, labels_of(unit), strict=True):
                    labels = PlayerCropLabels(**labels)
                    info[crop.role][str(crop.bbox_idx)] = _bbox_info(crop, labels)
            yield f"{split}/{split}_bbox_info.json", encode_json(info, indent=1)

    @cached_property
    def _plan(self) -> dict[str, list[CropUnit]]:
        return {split: crop_units(split, self._settings, _soccernet_path) for split in SPLITS}


def export_soccernet_reid(
    root: Path | str, settings: SoccerNetReIDExportSettings, num_workers: int = 1
) -> Path:
    """Write synthetic persons as a SoccerNet-ReID folder.

    The folder appears under its name only when it is complete. A complete folder of the same
    settings is left as it is, an incomplete one is completed. The bytes depend on the settings
    alone.

    Args:
        root: The folder to be made; its parent is made where needed.
        settings: What to write.
        num_workers: Number of processes that draw. More than one are started afresh, so a script
            that asks for them needs the usual ``if __name__ == "__main__"`` guard.

    Returns:
        The folder.

    Raises:
        DataFormatError: The folder exists and holds something else, or its disk is too small.
    """
    return write_folder_at_once(root, SoccerNetReIDExport(settings), num_workers)


def _soccernet_path(crop: PlayerCrop, labels: PlayerCropLabels) -> str:
    folder = crop.folder if crop.role == "train" else f"{crop.role}/{crop.folder}"
    size = f"{labels.height_px}x{labels.width_px}"
    split = crop.split
    if crop.anonymous:
        return f"{split}/{folder}/{crop.bbox_idx}-{crop.action_idx}-{size}.png"
    return (
        f"{split}/{folder}/{crop.bbox_idx}-{crop.action_idx}-{crop.person_uid}-{crop.frame_idx}-"
        f"{crop.identity.role.value}-{crop.shirt_id}-{crop.uai}-{size}.png"
    )


def _bbox_info(crop: PlayerCrop, labels: PlayerCropLabels) -> dict:
    public = {
        "bbox_idx": crop.bbox_idx,
        "action_idx": crop.action_idx,
        "height": labels.height_px,
        "width": labels.width_px,
        "relative_path": crop.folder,
    }
    if crop.anonymous:
        return public
    return public | {
        "person_uid": crop.person_uid,
        "frame_idx": crop.frame_idx,
        "clazz": crop.identity.role.value,
        "id": crop.shirt_id,
        "UAI": crop.uai,
        "jersey_visible": labels.jersey_visible,
        "height_m": round(crop.identity.height_m, 4),
        "build": round(crop.identity.build, 4),
    }


def _plan_split(split: str, settings: SoccerNetReIDExportSettings) -> Iterator[PlayerCrop]:
    """Decide every crop of a split without drawing any: the ids follow from the order alone."""
    seed = np.random.SeedSequence([settings.seed, SPLITS.index(split)])
    counters = {"train": 0, "query": 0, "gallery": 0}
    for game, game_seed in enumerate(seed.spawn(settings.games(split))):
        rng = np.random.default_rng(game_seed)
        identities = sample_match_identities(rng)
        for action in range(settings.actions_per_game):
            action_idx = game * settings.actions_per_game + action
            for sighting in _plan_action(rng, identities, settings):
                role = _role(split, sighting.frame)
                yield PlayerCrop(
                    identity=identities[sighting.person],
                    view=sighting.view,
                    seed=int(rng.integers(2**63)),
                    split=split,
                    role=role,
                    bbox_idx=counters[role],
                    action_idx=action_idx,
                    # Nobody keeps their id from one action to the next, as in the real data.
                    person_uid=action_idx * len(identities) + sighting.person,
                    frame_idx=sighting.frame,
                    folder=f"synthetic_league/season_{settings.seed}/{split}_{game:03d}/{action}",
                    anonymous=split == "challenge",
                )
                counters[role] += 1


def _role(split: str, frame: int) -> str:
    if split == "train":
        return "train"
    return "gallery" if frame else "query"


def _plan_action(
    rng: np.random.Generator, identities: list[Identity], settings: SoccerNetReIDExportSettings
) -> Iterator[_Sighting]:
    """Let the main camera and some replays see some persons, each replay from another side."""
    fewest, most = settings.crops_per_person
    frames = [_sample_frame(rng, frame, settings) for frame in range(most)]
    count = int(rng.integers(settings.persons_per_action[0], settings.persons_per_action[1] + 1))
    for person in rng.permutation(len(identities))[:count].tolist():
        heading = rng.uniform(-np.pi, np.pi)
        others = tuple(other for i, other in enumerate(identities) if i != person)
        replays = 1 + rng.permutation(most - 1)[: int(rng.integers(fewest, most + 1)) - 1]
        for index in (0, *sorted(replays.tolist())):
            frame = frames[index]
            azimuth = frame.camera_direction - heading + rng.normal(0, _HEADING_SPREAD)
            view = sample_view(
                rng, frame.scene, float(azimuth), frame.height_px, others, settings.occlusion
            )
            yield _Sighting(person=person, frame=index, view=view)


def _sample_frame(
    rng: np.random.Generator, index: int, settings: SoccerNetReIDExportSettings
) -> _Frame:
    is_main = index == 0
    smallest, largest = settings.height_px
    # The main camera is far away: it sees people in the lower part of the range.
    main_largest = float(np.sqrt(smallest * largest))
    turn = rng.uniform(0.25 * np.pi, np.pi) * (1 if rng.random() < 0.5 else -1)
    return _Frame(
        scene=sample_scene(rng, main_camera=is_main),
        camera_direction=0.0 if is_main else float(turn),
        height_px=(smallest, main_largest) if is_main else (smallest, largest),
    )
