"""The data sets that can be fetched, and which of them a task means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from footmm.apis.downloads.archive_sources import ArchiveSource, WebArchive
from footmm.apis.downloads.repositories import GitRepository
from footmm.apis.downloads.soccernet import SoccerNetArchives
from footmm.apis.downloads.spiideo import ANNOTATIONS, SpiideoArchives
from footmm.apis.downloads.spiideo import PASSWORD as SPIIDEO_PASSWORD
from footmm.apis.downloads.spiideo import USER as SPIIDEO_USER
from footmm.errors import ConfigError, did_you_mean

#: Sizes that are shown before anything is fetched, and those that nobody states.
ASKED, UNSTATED = "asked at the start", "not stated by its owner"


@dataclass(frozen=True)
class Licence:
    """Under which terms data may be used.

    Attributes:
        name: In few words.
        address: Where they are.
        agreement: Whether they have to be agreed to.
    """

    name: str
    address: str
    agreement: bool = False


@dataclass(frozen=True)
class HubFiles:
    """Files of a data set's repository on the Hugging Face Hub, as they are.

    Attributes:
        repository: ``owner/name``.
        patterns: Which files.
        revision: Branch.
    """

    repository: str
    patterns: tuple[str, ...]
    revision: str = "main"


@dataclass(frozen=True)
class Dataset:
    """A data set that can be fetched.

    Attributes:
        name: What the user calls it.
        title: What it is.
        tasks: The tasks that read it.
        source: Where it comes from.
        target: Where it goes, relative to the root: where the configs look.
        licence: Its terms.
        size: What its owner says of its size, or else :data:`ASKED` or :data:`UNSTATED`.
        needs: What the user needs to get it.
        archives: Where its archives go, relative to the root.
        fetched_by_task: Whether the name of a task means it.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    source: ArchiveSource | GitRepository | HubFiles
    target: str
    licence: Licence
    size: str = UNSTATED
    needs: str = "nothing"
    archives: str | None = None
    fetched_by_task: bool = True

    @property
    def splits(self) -> tuple[str, ...]:
        """Its splits; empty where it comes as a whole."""
        found = getattr(self.source, "splits", ())
        return found if len(found) > 1 else ()

    def folder(self, root: Path, split: str) -> Path:
        """Return where a split is when it is in place."""
        if isinstance(self.source, SpiideoArchives):
            if split == ANNOTATIONS:
                return root / self.target / ANNOTATIONS
            return root / self.target / self.source.version.lower() / split
        return root / self.target / split if self.splits else root / self.target


def matches_with_360(paths: Sequence[str]) -> Iterator[str]:
    """Choose the files of StatsBomb's matches with freeze frames: footmm reads no others."""
    frames = [path for path in paths if path.startswith("data/three-sixty/")]
    matches = {PurePosixPath(path).name for path in frames}
    for path in paths:
        parts = PurePosixPath(path).parts
        is_of_match = parts[:1] == ("data",) and len(parts) == 3 and parts[2] in matches
        is_about_all = len(parts) == 1 or path == "data/competitions.json"
        if is_of_match or is_about_all or parts[:2] == ("data", "matches"):
            yield path


_SOCCERNET = Licence(
    "SoccerNet's terms: research only", "https://www.soccer-net.org/data", agreement=True
)
_SPIIDEO = Licence("Spiideo's terms: research only", "https://research.spiideo.com", agreement=True)
_HF_TOKEN = "HF_TOKEN where Hugging Face asks for a login"


def _soccernet(
    name: str, title: str, task: str, tasks: tuple[str, ...], **options: object
) -> Dataset:
    splits = options.pop("splits", SoccerNetArchives(task).splits)
    settings = dict(size=ASKED, target=f"soccernet/{task}", needs=_HF_TOKEN, licence=_SOCCERNET)
    return Dataset(
        name=name,
        title=title,
        tasks=tasks,
        source=SoccerNetArchives(task, splits),
        archives=f"archives/soccernet/{task}",
        **(settings | options),
    )


def _synloc(name: str, version: str, **options: object) -> Dataset:
    return Dataset(
        name=name,
        title=f"SynLoc, {version} images",
        tasks=("synloc",),
        source=SpiideoArchives(version),
        target="synloc",
        archives=f"archives/{version.lower()}/SpiideoSynLoc",
        licence=_SPIIDEO,
        needs=f"an account at research.spiideo.com ({SPIIDEO_USER}, {SPIIDEO_PASSWORD})",
        **options,
    )


_ALL = (
    _soccernet(
        "soccernet-calibration",
        "SoccerNet Calibration 2023: frames and pitch lines",
        "calibration-2023",
        ("homography",),
    ),
    _soccernet(
        "soccernet-reid",
        "SoccerNet ReID 2023: 340,993 crops of players",
        "reid-2023",
        ("reid",),
        size="about 18.6 GB packed (12.1 train, 2.4 valid, 2.4 test, 1.8 challenge)",
    ),
    _soccernet(
        "soccernet-tracking",
        "SoccerNet Tracking 2023: sequences of 30 s with boxes",
        "tracking-2023",
        ("detection", "ball3d"),
        splits=("train", "test", "challenge"),
        target="soccernet/tracking",
        size="about 30 GB",
    ),
    _soccernet(
        "soccernet-gamestate",
        "SoccerNet Game State 2024: sequences with pitch positions",
        "gamestate-2024",
        ("trajectory",),
        fetched_by_task=False,
    ),
    _synloc("synloc", "fullhd"),
    _synloc("synloc-4k", "4K", fetched_by_task=False),
    Dataset(
        "skillcorner",
        "SkillCorner open data: broadcast tracking of ten matches",
        ("trajectory", "tactics"),
        GitRepository(
            "https://github.com/SkillCorner/opendata.git",
            "https://media.githubusercontent.com/media/SkillCorner/opendata/{commit}/{path}",
        ),
        "skillcorner",
        Licence("MIT", "https://github.com/SkillCorner/opendata/blob/master/LICENSE"),
        needs="git",
    ),
    Dataset(
        "statsbomb",
        "StatsBomb open data: the matches with 360 freeze frames",
        ("tactics",),
        GitRepository("https://github.com/statsbomb/open-data.git", None, matches_with_360),
        "statsbomb",
        Licence(
            "StatsBomb's public data agreement: name the source",
            "https://github.com/statsbomb/open-data/blob/master/LICENSE.pdf",
            agreement=True,
        ),
        needs="git",
    ),
    Dataset(
        "metrica",
        "Metrica sample data: tracking and events of three matches",
        ("trajectory",),
        GitRepository("https://github.com/metrica-sports/sample-data.git"),
        "metrica",
        Licence(
            "free with acknowledgement", "https://github.com/metrica-sports/sample-data#readme"
        ),
        needs="git",
    ),
    Dataset(
        "sportec",
        "DFL/Sportec: tracking of seven Bundesliga matches (Bassek et al. 2025)",
        ("trajectory", "tactics"),
        HubFiles("pysport/idsse-data", ("*.xml",)),
        "sportec",
        Licence("CC BY 4.0", "https://doi.org/10.6084/m9.figshare.28196177"),
        size=ASKED,
        fetched_by_task=False,
    ),
    Dataset(
        "market1501",
        "Market-1501: 32,668 crops of pedestrians",
        ("reid",),
        WebArchive(
            "https://drive.google.com/uc?id=0B8-rUzbwVRk0c054eEozWG9COHM",
            "Market-1501-v15.09.15.zip",
            ("md5", "65005ab7d12ec1c44de4eeafe813e68a"),
        ),
        "Market-1501-v15.09.15",
        Licence(
            "no licence is stated; for research",
            "https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html",
            agreement=True,
        ),
        archives="archives/market1501",
        fetched_by_task=False,
    ),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
"""All data sets by their names."""

TASKS: dict[str, tuple[str, ...]] = {
    task: tuple(
        dataset.name for dataset in _ALL if dataset.fetched_by_task and task in dataset.tasks
    )
    for task in ("homography", "trajectory", "ball3d", "reid", "detection", "tactics", "synloc")
}
"""Names of the data sets that a task means."""


def find_datasets(names: Iterable[str]) -> list[Dataset]:
    """Return the data sets that words mean, each once.

    Args:
        names: Tasks and data sets.

    Raises:
        ConfigError: A word is neither.
    """
    found: dict[str, Dataset] = {}
    for name in names:
        if name not in TASKS and name not in DATASETS:
            raise ConfigError(
                f"'{name}' is neither a task nor a data set"
                f"{did_you_mean(name, [*TASKS, *DATASETS])}; --list shows them all"
            )
        for key in TASKS.get(name, (name,)):
            found[key] = DATASETS[key]
    return list(found.values())
