"""The run of one task: download, training and test, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config

from footmm.apis.config import load_config
from footmm.apis.train_all.process import Outcome, exclusive, run_at_terminal, run_logged
from footmm.apis.train_all.recipes import Recipe
from footmm.apis.train_all.record import (
    FINISHED,
    TEST,
    TRAINING,
    TrainingRecord,
    fingerprint,
    missing_data,
)
from footmm.apis.train_all.report import clock, headline, say
from footmm.apis.train_all.settings import Settings
from footmm.compat.checkpoints import find_resume_checkpoint
from footmm.errors import FootmmError, TrainingError

_METRICS_FILE = "metrics.json"
_SECONDS_BETWEEN_SAVES = 5.0
_LINES_SHOWN = 15
#: What RichProgressHook and SyntheticFallback say, out of all that a log holds.
_PROGRESS = re.compile(
    r"(?:Epoch \d+/\d+|Training|Validation|Test) done: .*|using SYNTHETIC data instead.*"
)


class TaskRun:
    """Brings one task from where an earlier call has stopped to its end.

    Args:
        task: Its word.
        recipe: Its configs and headline.
        settings: What to train, where and with what.
        root: A clone of footmm.

    Attributes:
        record: What is known of the run; None where there is nothing yet.
        has_succeeded: Whether the task is finished, now or earlier.
    """

    def __init__(self, task: str, recipe: Recipe, settings: Settings, root: Path) -> None:
        self.config_path = root / getattr(recipe, settings.profile)
        self.folder = settings.work_dir / task
        self.record = TrainingRecord.load(self.folder)
        self.has_succeeded = False
        self._task = task
        self._recipe = recipe
        self._settings = settings
        self._tools = root / "tools"
        self._has_begun = False
        self._misses_data = False
        self._lock = -1

    def download(self) -> None:
        """Fetch the data of the full recipe, unless it is finished; :meth:`run` needs it."""
        try:
            _, mark = self._load_config()
            if self._is_finished(mark) and not self.record.missing_data:
                return
            self._misses_data = True
            self.folder.mkdir(exist_ok=True)
            script = self._tools / "data" / "download.py"
            command = [sys.executable, str(script), self._recipe.data]
            self._check("download", run_at_terminal(command, self.folder / "download.log"))
            self._misses_data = False
        except (FootmmError, OSError) as error:
            self._note_failure(str(error))

    def run(self) -> None:
        """Do what is left to do; a failure is printed and stands in the record."""
        if self._misses_data:
            say("  left out, its download failed; DOWNLOAD_DATA=false trains on what there is")
            return
        lock = self._settings.work_dir / f".{self._task}.lock"
        try:
            with exclusive(lock) as self._lock:
                # What another call has done in the meantime.
                self.record = TrainingRecord.load(self.folder)
                self._advance()
            self.has_succeeded = True
        except (FootmmError, OSError) as error:
            self._note_failure(str(error))

    def _note_failure(self, error: str) -> None:
        say(f"  FAILED: {error}")
        self.record = replace(self.record or TrainingRecord(str(self.config_path)), error=error)
        if self._has_begun:
            with contextlib.suppress(OSError):  # a full disk: that is the failure
                self.record.save(self.folder)

    def _advance(self) -> None:
        config, mark = self._load_config()
        if self._is_finished(mark):
            say(f"  finished earlier, skipped: {self._result()}")
            return
        self.folder.mkdir(exist_ok=True)
        self._begin(config, mark)
        if self.record.stage == TRAINING:
            self._run_tool("train", [], ["--resume", "--auto-scale-lr"])
            self.record.stage = TEST
            self.record.save(self.folder)
        self._test()

    def _load_config(self) -> tuple[Config, str]:
        config = load_config(self.config_path)
        return config, fingerprint(config, self._settings.gpus)

    def _is_finished(self, mark: str) -> bool:
        return self._continues(mark) and self.record.stage == FINISHED

    def _continues(self, mark: str) -> bool:
        """Whether the record is of the run that is asked for."""
        record = self.record
        return record is not None and record.fingerprint == mark and not record.data_has_come

    def _begin(self, config: Config, mark: str) -> None:
        """Go on with the earlier run, or set its files aside and begin anew."""
        if self._continues(mark):
            self.record.error = None
            say(f"  goes on with the {self.record.stage} after {clock(self.record.seconds)}")
        else:
            self._set_aside()
            self.record = TrainingRecord(
                str(self.config_path), mark, missing_data=missing_data(config)
            )
        self.record.save(self.folder)
        self._has_begun = True

    def _set_aside(self) -> None:
        if not any(self.folder.glob("*.pth")):
            return
        number = 1
        while (aside := self.folder.with_name(f"{self._task}.{number}")).exists():
            number += 1
        self.folder.rename(aside)
        self.folder.mkdir()
        say(f"  begins anew: config, GPUS or data are not those of the run that is now in {aside}")

    def _test(self) -> None:
        checkpoint = self._checkpoint()
        metrics_file = self.folder / _METRICS_FILE
        metrics_file.unlink(missing_ok=True)
        self._run_tool("test", [str(checkpoint)], ["--metrics", str(metrics_file)])
        content = json.loads(metrics_file.read_text(encoding="utf-8"))
        metrics = content["metrics"]
        if self._recipe.metric not in metrics:
            raise TrainingError(f"test: no {self._recipe.metric} among {', '.join(metrics)}")
        self.record = replace(
            self.record,
            stage=FINISHED,
            checkpoint=checkpoint.name,
            data=content["data"],
            trained_on=content["trained_on"],
            metrics=metrics,
        )
        self.record.save(self.folder)
        say(f"  {self._result()}")

    def _result(self) -> str:
        result = headline(self._recipe, self.record)
        return f"{result}, {self.record.data}, {clock(self.record.seconds)}"

    def _checkpoint(self) -> Path:
        """The best one, if the config keeps it, or the last one."""
        best = max(self.folder.glob("best_*.pth"), key=_written, default=None)
        found = best or find_resume_checkpoint(self.folder)
        if found is None:
            raise TrainingError(f"test: training has left no checkpoint in '{self.folder}'")
        return found

    def _run_tool(self, tool: str, operands: list[str], options: list[str]) -> None:
        """Run a tool on one or several processes, and note the time it takes."""
        gpus = self._settings.gpus
        arguments = [str(self.config_path), *operands]
        if gpus == 1:
            command = [sys.executable, str(self._tools / f"{tool}.py"), *arguments]
        else:
            command = ["bash", str(self._tools / f"dist_{tool}.sh"), *arguments, str(gpus)]
        command += [*options, "--work-dir", str(self.folder), "--device", self._settings.device]
        log = self.folder / f"{tool}.log"
        say(f"  {tool}: {log}")
        watch = _Stopwatch(self.record, self.folder)
        try:
            outcome = run_logged(command, log, _show_progress, watch.tick, keep_open=self._lock)
        finally:
            watch.save()
        self._check(tool, outcome)

    @staticmethod
    def _check(step: str, outcome: Outcome) -> None:
        if outcome.code == 0:
            return
        for line in outcome.lines[-_LINES_SHOWN:]:
            say(f"    | {line}")
        raise TrainingError(f"{step}: {outcome.reason}")


class _Stopwatch:
    """Adds the time that passes to a record, and saves it now and then."""

    def __init__(self, record: TrainingRecord, folder: Path) -> None:
        self._record = record
        self._folder = folder
        self._before = record.seconds
        self._start = time.monotonic()
        self._saved = self._start

    def tick(self) -> None:
        if time.monotonic() - self._saved > _SECONDS_BETWEEN_SAVES:
            self.save()

    def save(self) -> None:
        self._saved = time.monotonic()
        self._record.seconds = self._before + self._saved - self._start
        self._record.save(self._folder)


def _show_progress(line: str) -> None:
    found = _PROGRESS.search(line)
    if found:
        say(f"  {found[0]}")


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns
