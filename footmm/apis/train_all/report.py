"""The table at the end: in the terminal, as Markdown and as JSON."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from footmm.apis.train_all.recipes import Recipe
from footmm.apis.train_all.record import FINISHED, TrainingRecord
from footmm.apis.train_all.settings import Settings
from footmm.compat.checkpoints import AtomicLocalBackend

NOT_RUN = "not run"
_WIDTH_OF_FILES = 160


class Row(NamedTuple):
    """A line of the table."""

    task: str
    data: str
    metric: str
    time: str
    checkpoint: str


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def headline(recipe: Recipe, record: TrainingRecord) -> str:
    """The figure that stands for a test, e.g. ``"ADE@2.0s 0.681 m"``."""
    value = record.metrics.get(recipe.metric)
    number = "nothing to score" if value is None else f"{value:.3f} {recipe.unit}".strip()
    return f"{recipe.metric.rpartition('/')[2]} {number}"


def described_data(record: TrainingRecord) -> str:
    """What was tested on, and trained on where that is of another kind."""
    if record.data is None:
        return ""
    kinds = [str(data).partition(" ")[0].rstrip(":") for data in (record.data, record.trained_on)]
    trained = "" if kinds[0] == kinds[1] else f"; trained on {record.trained_on}"
    return record.data + trained


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))


def table_row(task: str, recipe: Recipe, record: TrainingRecord | None, folder: Path) -> Row:
    """A task's line of the table; ``record`` is None where it has not begun."""
    if record is None:
        return Row(task, "", NOT_RUN, "", "")
    if record.status == FINISHED:
        metric = headline(recipe, record)
    elif record.error is not None:
        metric = f"FAILED: {record.error}"
    else:
        metric = f"interrupted in {record.stage}"
    checkpoint = str(folder / record.checkpoint) if record.checkpoint else ""
    return Row(task, described_data(record), metric, clock(record.seconds), checkpoint)


def terminal_table(rows: list[Row]) -> str:
    """The table as lines without colours, as wide as the terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_FILES
    table = Table(box=box.ASCII2)
    for name in Row._fields:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False)
    console.print(table)
    return console.file.getvalue().rstrip()


def markdown_table(rows: list[Row]) -> str:
    """The table as Markdown."""
    lines = [Row._fields, ["---"] * len(Row._fields), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def json_entry(
    task: str, recipe: Recipe, record: TrainingRecord | None, folder: Path
) -> dict[str, Any]:
    """All that is known of a task's run, for results.json."""
    if record is None:
        return {"task": task, "status": NOT_RUN}
    known = asdict(record)
    for name in ("fingerprint", "stage"):
        del known[name]
    return {
        "task": task,
        "status": record.status,
        "metric": {"name": recipe.metric, "value": record.metrics.get(recipe.metric)},
        **known,
        "checkpoint": str(folder / record.checkpoint) if record.checkpoint else None,
    }


def write_results(
    settings: Settings,
    recipes: Mapping[str, Recipe],
    records: Mapping[str, TrainingRecord | None],
) -> list[Row]:
    """Write results.md and results.json into the work dir.

    Args:
        settings: Those of this run.
        recipes: Task to recipe.
        records: Task to what is known of it, in the order of the table.

    Returns:
        The lines of the table.
    """
    known = [(task, recipes[task], records[task], settings.work_dir / task) for task in records]
    rows = [table_row(*entry) for entry in known]
    results = {
        "settings": asdict(settings) | {"work_dir": str(settings.work_dir)},
        "tasks": [json_entry(*entry) for entry in known],
    }
    files = {
        "results.json": json.dumps(results, indent=2),
        "results.md": f"# Results\n\n`{settings}`\n\n{markdown_table(rows)}",
    }
    for name, text in files.items():
        AtomicLocalBackend().put_text(text + "\n", settings.work_dir / name)
    return rows
