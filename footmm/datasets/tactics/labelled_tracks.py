"""Windows of tracking data with the labels of match sheets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from footmm.datasets.tactics.kloppy_sheets import read_match_sheet
from footmm.datasets.tactics.labels import TACTICS_METAINFO
from footmm.datasets.tactics.match_sheet import MatchSheet
from footmm.errors import ConfigError, DataFormatError
from footmm.registry import DATASETS


@DATASETS.register_module()
class TacticsDataset(BaseDataset):
    """Windows of any dataset of tracks, labelled by the sheets of its matches.

    Tracks and sheets are aligned by the clock: by the period, and the time since it started. A
    label that changes within a window, or so near to it that the clock's uncertainty leaves it open
    (see :data:`footmm.datasets.tactics.kloppy_sheets.SHEET_PROVIDERS`), is unknown.

    .. code-block:: python

        dict(
            type="TacticsDataset",
            tracks=dict(type="TrackingDataset", provider="skillcorner", ...),
            data_root="data/skillcorner/data/matches",
            sheets=dict(
                provider="skillcorner",
                files=dict(
                    meta_data="{match}/{match}_match.json",
                    raw_data="{match}/{match}_tracking_extrapolated.jsonl",
                ),
            ),
        )

    A sample is a window of the tracks with its labels, see :mod:`footmm.datasets.tactics.labels`.

    Args:
        tracks: Config of a dataset of tracks of the task ``trajectory``, without a pipeline.
        sheets: ``provider`` of the sheets and their ``files``, with ``{match}`` in place of the
            match's name, relative to ``data_root``. It has to know the players by the same names as
            the tracks.
        events: The same of an event provider, whose roles, formations and strategies are taken
            instead; its players are those with the same shirt numbers. Optional.
        data_root: Folder that paths of sheets and events are relative to.
        pipeline: Transforms, or their configs.
        test_mode: MMEngine's.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: A file is missing.
        DataFormatError: A file is damaged, or names none of the players of its tracks.
    """

    METAINFO: dict = TACTICS_METAINFO

    def __init__(
        self,
        tracks: dict,
        sheets: Mapping[str, Any],
        events: Mapping[str, Any] | None = None,
        data_root: str | os.PathLike[str] = "",
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        for name, source in {"sheets": sheets, "events": events}.items():
            if source is not None and set(source) != {"provider", "files"}:
                raise ConfigError(
                    f"TacticsDataset({name}=...) has {', '.join(source) or 'nothing'}; give "
                    "'provider' and 'files'"
                )
        self._tracks = DATASETS.build(dict(tracks, test_mode=test_mode, lazy_init=True))
        self._sources = [dict(source) for source in (sheets, events) if source is not None]
        self._sheets: dict[str, MatchSheet] = {}
        super().__init__(
            data_root=os.fspath(data_root),
            pipeline=list(pipeline),
            test_mode=test_mode,
            **kwargs,
        )
        self._metainfo.update(
            {
                key: value
                for key, value in self._tracks.metainfo.items()
                if key in ("synthetic", "data_source")
            }
        )

    def load_data_list(self) -> list[dict]:
        """Read the sheets, and return the numbers of the windows."""
        self._tracks.full_init()
        for tracks in self._tracks.tracks:
            sheet = self._read_sheet(tracks.match)
            known = sum(name in sheet.players for name in tracks.agent_ids)
            if not known:
                raise DataFormatError(
                    f"TacticsDataset({self.data_root}): the sheet of match '{tracks.match}' "
                    f"({self._sources[0]['files']}) names none of the players of its tracks, "
                    f"e.g. {', '.join(tracks.agent_ids[:3])}; do they belong together?"
                )
            self._sheets[tracks.match] = sheet
            print_log(
                f"{tracks.match}: the sheet knows {known} of {len(tracks.agent_ids)} agents; its "
                f"clock is within {sheet.uncertainty_s:g} s of that of the tracks",
                logger="current",
            )
        return [dict(window=number) for number in range(len(self._tracks))]

    def get_data_info(self, idx: int) -> dict:
        """Return a window with its labels, before the pipeline."""
        info = super().get_data_info(idx)
        window = self._tracks.get_data_info(info["window"])
        labels = self._sheets[window["match"]].labels(
            window["period"],
            window.get("seconds"),
            window["agent_ids"],
            len(window["positions"]),
            window["num_observed"],
        )
        return window | labels | {"sample_idx": info["sample_idx"]}

    def _read_sheet(self, match: str) -> MatchSheet:
        first, *others = (self._read(source, match) for source in self._sources)
        return first.with_events(others[0]) if others else first

    def _read(self, source: Mapping[str, Any], match: str) -> MatchSheet:
        files = {
            key: Path(self.data_root, str(path).replace("{match}", match))
            for key, path in source["files"].items()
        }
        return read_match_sheet(source["provider"], files)
