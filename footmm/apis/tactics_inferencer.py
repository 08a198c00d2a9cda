"""From tracks to what the teams play, window by window and over minutes."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from footmm.apis.growing_files import at_end, growing_file
from footmm.apis.inferencer import Pictures, Write
from footmm.apis.tactics_stretches import formation_table, role_table, summarise, window_rows
from footmm.apis.track_inferencer import TrackInferencer, TrackWindows
from footmm.apis.window_inferencer import SUMMARY_FILE, WindowDataset, write_summary
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.datasets.tactics.labels import no_labels
from footmm.engine.hooks.validation_pictures import write_png
from footmm.errors import ConfigError
from footmm.models.tactics import TacticsGNN
from footmm.structures.agent_tracks import AgentTracks
from footmm.structures.tactical_window import TacticalWindow
from footmm.visualization.tactics import draw_attention, draw_formation_map, draw_timeline

WINDOWS_FILE, FORMATIONS_FILE, ROLES_FILE = "windows.csv", "formations.csv", "roles.csv"


class UnlabelledWindows(TrackWindows):
    """Windows of tracks that no match sheet belongs to."""

    def get_data_info(self, idx: int) -> dict:
        """Return a window, with labels of which nothing is known, before the pipeline."""
        window = super().get_data_info(idx)
        return window | no_labels(*window["present"].shape)


class TacticsInferencer(TrackInferencer[TacticalWindow]):
    """Tells formations, roles and strategies of windows of tracks.

    ``out_dir`` gets ``windows.csv`` (for each window and team the formation, and the strategy in
    its last frame), ``formations.csv`` (the same by stretches of some minutes, beside template
    matching and the labels), ``roles.csv`` (each player's role by stretch, beside its label),
    ``summary.json``, and, if all windows were asked for, ``formation_map.png`` and
    ``attention.png`` of the window in which most players are seen, and ``timeline.png`` of the
    longest match. For it all windows but their graphs are kept until the end.

    Args:
        config: A config of the tactics task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        minutes: Length of a stretch.

    Raises:
        ConfigError: The config is missing or broken, its model does not tell tactics, or
            ``minutes`` is not positive.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    result_files = (WINDOWS_FILE, FORMATIONS_FILE, ROLES_FILE, SUMMARY_FILE)

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        minutes: float = 5.0,
    ) -> None:
        if not 0 < minutes < np.inf:
            raise ConfigError(f"minutes={minutes} has to be positive")
        super().__init__(config, checkpoint, device)
        if not isinstance(self.model, TacticsGNN):
            raise ConfigError(
                f"config '{self.model.cfg.filename}' builds a {type(self.model).__name__}, which "
                "tells no tactics; take one of configs/tactics"
            )
        self.minutes = minutes

    @property
    def rate(self) -> float | None:
        """Frames a second of the tracks that the model takes; None where the config is silent."""
        return self.model.cfg.get("rate")

    def cut(self, tracks: Sequence[AgentTracks], pipeline: Sequence[Any]) -> WindowDataset:
        """See :meth:`footmm.apis.track_inferencer.TrackInferencer.cut`.

        Raises:
            ConfigError: The config has no ``num_observed`` at its head.
        """
        num_observed = self.model.cfg.get("num_observed")
        if num_observed is None:
            raise ConfigError(f"config '{self.model.cfg.filename}' states no num_observed")
        # A frame after those that the model sees: a window has at least one.
        return UnlabelledWindows(
            tracks, num_frames=num_observed + 1, num_observed=num_observed, pipeline=pipeline
        )

    def predict(
        self, source: WindowDataset, batch_size: int, drawn: bool
    ) -> Iterator[tuple[None, TacticalWindow]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.predict`."""
        for items in self.batches(source, batch_size):
            with torch.no_grad():
                samples = self.model.test_step(pseudo_collate(items))
            for sample in samples:
                yield None, TacticalWindow.from_sample(sample)

    def draw(self, item: None, result: TacticalWindow) -> Pictures:
        """Draw the formations and roles of both teams."""
        return {"formations": draw_formation_map(result)[..., ::-1]}

    @contextmanager
    def write_results(self, out: Path, source: WindowDataset) -> Iterator[Write[TacticalWindow]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.write_results`."""
        windows = _KeptWindows()

        def finish(complete: bool) -> None:
            write_summary(out, complete, len(windows.all))
            stretches = summarise(windows.all, self.minutes)
            for name, table in (
                (FORMATIONS_FILE, formation_table(stretches)),
                (ROLES_FILE, role_table(stretches)),
            ):
                AtomicLocalBackend().put_text(table.to_csv(index=False), out / name)
            if complete and windows.all:
                windows.draw(out)

        with at_end(finish), growing_file(out / WINDOWS_FILE) as file:
            table: csv.DictWriter | None = None

            def write(_: None, window: TacticalWindow, __: Pictures) -> None:
                nonlocal table
                rows = list(window_rows(window))
                if table is None:
                    table = csv.DictWriter(file, rows[0], lineterminator="\n")
                    table.writeheader()
                table.writerows(rows)
                windows.add(window)

            yield write


class _KeptWindows:
    """All windows without their graphs, and the one in which most players are seen with it."""

    def __init__(self) -> None:
        self.all: list[TacticalWindow] = []
        self.fullest: TacticalWindow | None = None

    def add(self, window: TacticalWindow) -> None:
        if self.fullest is None or window.seen.sum() > self.fullest.seen.sum():
            self.fullest = window
        nothing = dict(edges=window.edges[:, :0].copy(), attention=window.attention[:0].copy())
        self.all.append(replace(window, **nothing))

    def draw(self, out: Path) -> None:
        """Draw the fullest window, and the match with most windows."""
        write_png(out / "formation_map.png", draw_formation_map(self.fullest))
        write_png(out / "attention.png", draw_attention(self.fullest))
        longest = Counter(window.match for window in self.all).most_common(1)[0][0]
        of_match = [window for window in self.all if window.match == longest]
        ends = np.array([window.seconds[-1] for window in of_match]) / 60
        minutes = ends if np.isfinite(ends).all() else None
        write_png(out / "timeline.png", draw_timeline(of_match, minutes, f"Match {longest}"))
