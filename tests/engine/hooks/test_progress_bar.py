from __future__ import annotations

import io
import logging
import re

import pytest
import torch
from rich.console import Console

from footmm.engine.hooks import progress_bar
from footmm.engine.hooks.progress_bar import LoopMeter, RichProgressHook

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress_bar.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def terminal_hook(monkeypatch):
    monkeypatch.setattr(progress_bar, "SECONDS_BETWEEN_REFRESHES", 0.0)
    hook = RichProgressHook()
    monkeypatch.setenv("TERM", "xterm")
    # Tests of notebooks leave IPython in the process, which rich takes for a notebook.
    hook.console = Console(file=io.StringIO(), force_terminal=True, force_jupyter=False, width=100)
    yield hook
    hook.close()


def test_meter_separates_waiting_from_working(clock):
    meter = LoopMeter()
    for _ in range(2):
        clock[0] += 1.0
        meter.batch_arrived()
        clock[0] += 3.0
        meter.iteration_done(16)
    assert meter.items_per_second == pytest.approx(32 / 8)
    assert meter.waiting_share == pytest.approx(0.25)
    assert meter.seconds_per_iteration == pytest.approx(4.0)


def test_meter_leaves_out_what_lies_before_resume(clock):
    meter = LoopMeter()
    clock[0] += 50.0
    meter.resume()
    clock[0] += 2.0
    meter.batch_arrived()
    meter.iteration_done(4)
    assert meter.seconds == pytest.approx(2.0)


def test_without_a_terminal_each_loop_writes_one_line(make_runner, read_log):
    runner = make_runner([RichProgressHook()])
    runner.train()
    lines = [line for line in read_log(runner).splitlines() if "items/s" in line]
    titles = [re.search(r"INFO - (.*) done: 2 iterations in", line)[1] for line in lines]
    assert titles == ["Epoch 1/2", "Validation", "Epoch 2/2", "Validation"]
    assert re.search(r"loss \d+\.\d{4}, [\d.e+]+ items/s, data wait \d+%, ETA 0:00:00$", lines[0])
    assert "ETA" not in lines[2]


def test_interval_adds_lines(make_runner, read_log):
    runner = make_runner([RichProgressHook(interval=1)], epochs=1)
    runner.train()
    log = read_log(runner)
    assert "Epoch 1/1 [1/2]: loss" in log
    assert "Epoch 1/1 [2/2]: loss" in log
    assert "Validation [1/2]: " in log


def test_iteration_based_training_counts_iterations(make_runner, read_log):
    runner = make_runner([RichProgressHook(interval=2)], iterations=4)
    runner.train()
    log = read_log(runner)
    assert "Training [2/4]: loss" in log
    assert "Training done: 4 iterations in" in log
    assert log.count("Validation done: 2 iterations in") == 2


def test_bar_shows_all_numbers_and_log_lines_stay_whole(make_runner, terminal_hook):
    runner = make_runner([terminal_hook])
    stream = next(h for h in runner.logger.handlers if type(h) is logging.StreamHandler).stream
    runner.train()
    text = CONTROL.sub("", terminal_hook.console.file.getvalue())
    assert re.search(r"Epoch 2/2 ━*[╸╺━ ]*2/2 loss \d\.\d+, [\d.e+]+ items/s, data wait", text)
    assert re.search(r"Validation .*2/2", text)
    # What the bar wrote ends where a log line begins, and the line is not interrupted.
    assert re.search(
        r"[\r\n]\d\d/\d\d [\d:]{8} - mmengine - INFO - Saving checkpoint at 1 epochs", text
    )
    handler = next(h for h in runner.logger.handlers if type(h) is logging.StreamHandler)
    assert handler.stream is stream
    assert terminal_hook._progress is None


def test_bar_works_in_iteration_based_training(make_runner, terminal_hook):
    runner = make_runner([terminal_hook], iterations=4)
    runner.train()
    text = CONTROL.sub("", terminal_hook.console.file.getvalue())
    assert re.search(r"Training .*4/4", text)


def test_bar_works_in_tests(make_runner, terminal_hook):
    make_runner([terminal_hook]).test()
    text = CONTROL.sub("", terminal_hook.console.file.getvalue())
    assert re.search(r"Test .*2/2 [\d.e+]+ items/s, data wait \d+%", text)


def test_crash_leaves_the_terminal_usable(make_runner, terminal_hook, monkeypatch):
    runner = make_runner([terminal_hook])
    monkeypatch.setattr(runner.model, "train_step", _raise)
    with pytest.raises(RuntimeError, match="boom"):
        runner.train()
    written = terminal_hook.console.file.getvalue()
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # the cursor is shown
    terminal_hook.close()
    terminal_hook.close()
    assert all(type(h.stream).__name__ != "FileProxy" for h in runner.logger.handlers)


def test_only_the_main_process_shows_progress(make_runner, read_log, monkeypatch):
    monkeypatch.setattr(progress_bar, "is_main_process", lambda: False)
    runner = make_runner([RichProgressHook(interval=1)])
    runner.train()
    assert "items/s" not in read_log(runner)


def _raise(*_, **__):
    raise RuntimeError("boom")


def test_batch_size_of_both_layouts():
    assert progress_bar._batch_size({"inputs": torch.zeros(3, 2)}) == 3
    assert progress_bar._batch_size([[1, 2], [3, 4]]) == 2
