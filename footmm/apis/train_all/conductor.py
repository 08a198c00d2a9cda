"""One task after the other, and the table of them all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from footmm.apis.train_all.process import Stopped, stop_on_signals
from footmm.apis.train_all.recipes import RECIPES, Recipe
from footmm.apis.train_all.report import Row, say, terminal_table, write_results
from footmm.apis.train_all.settings import Settings
from footmm.apis.train_all.task_run import TaskRun


def train_all(settings: Settings, root: Path, recipes: Mapping[str, Recipe] = RECIPES) -> int:
    """Train and test tasks in turn, each from where an earlier call has stopped.

    Args:
        settings: What to train, where and with what.
        root: A clone of footmm: holds ``tools/`` and the recipes' configs.
        recipes: Task to recipe.

    Returns:
        Exit code: 0 if all tasks have succeeded, 1 if not, 128 + n after signal n.
    """
    say(str(settings))
    if settings.profile == "full" and settings.device == "cpu":
        say("note: the full recipes are made for GPUs; on a CPU they take weeks")
    runs = {task: TaskRun(task, recipes[task], settings, root) for task in recipes}
    code = 0
    try:
        with stop_on_signals():
            _download(settings, runs)
            for number, task in enumerate(settings.tasks, start=1):
                say(f"[{number}/{len(settings.tasks)}] {task}: {runs[task].config_path}")
                runs[task].run()
                _write_results(settings, recipes, runs)
    except Stopped as stop:
        code = 128 + stop.signal_number
    say("\n" + terminal_table(_write_results(settings, recipes, runs)))
    say(f"as Markdown and JSON: {settings.work_dir}/results.md, {settings.work_dir}/results.json")
    return code or int(not all(runs[task].has_succeeded for task in settings.tasks))


def _download(settings: Settings, runs: Mapping[str, TaskRun]) -> None:
    """Fetch all data before the first training: it may need answers from the terminal."""
    if not settings.download_data:
        return
    if settings.profile == "synthetic":
        say("note: nothing is downloaded, PROFILE=synthetic needs no data")
        return
    for task in settings.tasks:
        say(f"data of {task}")
        runs[task].download()


def _write_results(
    settings: Settings, recipes: Mapping[str, Recipe], runs: Mapping[str, TaskRun]
) -> list[Row]:
    """Write the results of this call's tasks, and of those that an earlier call has left."""
    others = [task for task, run in runs.items() if run.record and task not in settings.tasks]
    records = {task: runs[task].record for task in (*settings.tasks, *others)}
    return write_results(settings, recipes, records)
