"""Writes synthetic persons in the file formats of public data sets."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from footmm.errors import ConfigError, DataFormatError
from footmm.simulation.appearance import (
    Identity,
    Scene,
    View,
    sample_match_identities,
    sample_scene,
    sample_view,
)
from footmm.simulation.renderer import PlayerCropLabels, render_player_crop

SETTINGS_FILE = "settings.json"
SPLITS = ("train", "valid", "test", "challenge")
MARKET1501_FOLDERS = {
    "train": "bounding_box_train",
    "query": "query",
    "gallery": "bounding_box_test",
}
_WRITE_CHUNK = 64
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
class _Crop:
    """One picture to be drawn, and what its name says."""

    identity: Identity
    view: View
    seed: int
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


PathOf = Callable[[_Crop, PlayerCropLabels], str]
"""Where a layout puts a crop: path relative to the folder that is written."""


def export_soccernet_reid(
    root: Path | str, settings: SoccerNetReIDExportSettings, num_workers: int = 1
) -> Path:
    """Write synthetic persons as a SoccerNet-ReID folder.

    The folder appears under its name only when it is complete. A complete folder of the same
    settings is left as it is. The bytes depend on the settings alone.

    Args:
        root: The folder to be made; its parent is made where needed.
        settings: What to write.
        num_workers: Number of processes that draw. More than one are started afresh, so a script
            that asks for them needs the usual ``if __name__ == "__main__"`` guard.

    Returns:
        The folder.

    Raises:
        DataFormatError: The folder exists and holds something else.
    """

    def write(folder: Path) -> None:
        for split in SPLITS:
            _write_split(folder, split, settings, num_workers)

    return _export(Path(root), {"format": "soccernet-reid", **asdict(settings)}, write)


def export_market1501(
    root: Path | str, settings: SoccerNetReIDExportSettings, num_workers: int = 1
) -> Path:
    """Write the persons of the train and test splits as a Market-1501 folder.

    The pictures are those of :func:`export_soccernet_reid`. The camera of an image is its frame:
    the main camera is camera 1, the replays are the others. A person of a match is another
    identity in every action, and a test identity meets the whole gallery.

    Args:
        root: As in :func:`export_soccernet_reid`; so the others.
        settings: What to write; the valid and challenge splits have no place in this layout.
        num_workers: Number of processes that draw.

    Returns:
        The folder.

    Raises:
        DataFormatError: The folder exists and holds something else.
    """

    def write(folder: Path) -> None:
        for name in MARKET1501_FOLDERS.values():
            (folder / name).mkdir()
        for split in ("train", "test"):
            for _ in _render(folder, _plan_split(split, settings), _market1501_path, num_workers):
                pass

    return _export(Path(root), {"format": "market1501", **asdict(settings)}, write)


def _export(root: Path, manifest: dict, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill a temporary folder, then give it its name."""
    if _is_exported(root, manifest):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    partial_root = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        write(partial_root)
        _write_json(partial_root / SETTINGS_FILE, manifest)
        partial_root.chmod(0o755)
        _move_into_place(partial_root, root, manifest)
    finally:
        shutil.rmtree(partial_root, ignore_errors=True)
    return root


def _is_exported(root: Path, manifest: dict) -> bool:
    """Whether ``root`` holds the export of a manifest; an absent or empty folder does not."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    file = root / SETTINGS_FILE
    if not file.is_file():
        raise DataFormatError(
            f"{root} exists and was not written by this export (no {SETTINGS_FILE} in it); give "
            "another folder, or remove this one"
        )
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataFormatError(f"{file} is not valid JSON ({error}); remove the folder") from error
    if found != json.loads(json.dumps(manifest)):
        raise DataFormatError(
            f"{root} holds synthetic players of other settings (see {file}); give another folder, "
            "or remove this one"
        )
    return True


def _move_into_place(partial_root: Path, root: Path, manifest: dict) -> None:
    try:
        os.replace(partial_root, root)
    except OSError:
        # Another process may have finished the same folder in the meantime; its bytes are ours.
        if not _is_exported(root, manifest):
            raise


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write_split(
    root: Path, split: str, settings: SoccerNetReIDExportSettings, num_workers: int
) -> None:
    crops = list(_plan_split(split, settings))
    roles = ("train",) if split == "train" else ("query", "gallery")
    base = root / split
    base.mkdir()
    for folder in sorted({base / _soccernet_folder(crop) for crop in crops}):
        folder.mkdir(parents=True)
    info: dict[str, dict[str, dict]] = {role: {} for role in roles}
    drawn = _render(base, crops, _soccernet_path, num_workers)
    for crop, labels in zip(crops, drawn, strict=True):
        info[crop.role][str(crop.bbox_idx)] = _bbox_info(crop, labels)
    _write_json(base / f"{split}_bbox_info.json", info)


def _render(
    base: Path, crops: Iterable[_Crop], path_of: PathOf, num_workers: int
) -> Iterator[PlayerCropLabels]:
    write = partial(_write_crop, base, path_of)
    if num_workers <= 1:
        yield from map(write, crops)
        return
    # A forked process could inherit OpenCV's thread pool in mid-use and wait for it for ever.
    # OpenCV's own threads would only compete with the processes.
    with ProcessPoolExecutor(
        num_workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=cv2.setNumThreads,
        initargs=(1,),
    ) as pool:
        yield from pool.map(write, crops, chunksize=_WRITE_CHUNK)


def _write_crop(base: Path, path_of: PathOf, crop: _Crop) -> PlayerCropLabels:
    image, labels = render_player_crop(crop.identity, crop.view, np.random.default_rng(crop.seed))
    _, encoded = cv2.imencode(".png", image)
    (base / path_of(crop, labels)).write_bytes(encoded.tobytes())
    return labels


def _market1501_path(crop: _Crop, labels: PlayerCropLabels) -> str:
    # Person 0 is Market-1501's word for distractors, and its cameras count from 1.
    person, camera = crop.person_uid + 1, crop.frame_idx + 1
    folder = MARKET1501_FOLDERS[crop.role]
    return f"{folder}/{person:04d}_c{camera}s1_{crop.bbox_idx:06d}_00.png"


def _soccernet_folder(crop: _Crop) -> str:
    return crop.folder if crop.role == "train" else f"{crop.role}/{crop.folder}"


def _soccernet_path(crop: _Crop, labels: PlayerCropLabels) -> str:
    folder = _soccernet_folder(crop)
    size = f"{labels.height_px}x{labels.width_px}"
    if crop.anonymous:
        return f"{folder}/{crop.bbox_idx}-{crop.action_idx}-{size}.png"
    return (
        f"{folder}/{crop.bbox_idx}-{crop.action_idx}-{crop.person_uid}-{crop.frame_idx}-"
        f"{crop.identity.role.value}-{crop.shirt_id}-{crop.uai}-{size}.png"
    )


def _bbox_info(crop: _Crop, labels: PlayerCropLabels) -> dict:
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


def _plan_split(split: str, settings: SoccerNetReIDExportSettings) -> Iterator[_Crop]:
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
                yield _Crop(
                    identity=identities[sighting.person],
                    view=sighting.view,
                    seed=int(rng.integers(2**63)),
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
