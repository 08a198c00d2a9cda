"""Run a command as a process of its own, with its output in a log file."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from footmm.errors import TrainingError

POLL_SECONDS = 0.2
#: How long an interrupted process may take to write its checkpoint.
GRACE_SECONDS = 90.0
#: How long another run of the same task may take to end.
LOCK_SECONDS = 60.0
_LINES_KEPT = 200
_SET_PARENT_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None)
#: What a tool says of a user's mistake, and how Python's tracebacks end.
_ERROR = re.compile(r"(?:\[rank\d+\]: *)?(?:error: (.*\S)|([\w.]*(?:Error|Exception): .*\S))")


class Stopped(KeyboardInterrupt):
    """A signal asks to stop; ``signal_number`` tells which."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise :class:`Stopped` on SIGINT (Ctrl-C) and SIGTERM."""

    def stop(signal_number: int, frame: FrameType | None) -> None:
        raise Stopped(signal_number)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def exclusive(path: Path) -> Iterator[int]:
    """Hold a lock file; a process that inherits its descriptor holds it as long as it lives.

    Yields:
        The file descriptor.

    Raises:
        TrainingError: Another process holds it for more than a minute.
    """
    with path.open("a+") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise TrainingError(
                    f"another run writes into '{path.parent}', or a process of an earlier one is "
                    f"left over: '{path}' is locked; wait for it, end it, or choose another "
                    "WORK_DIR"
                )
            time.sleep(POLL_SECONDS)
        yield file.fileno()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


@dataclass
class Outcome:
    """How a process ended.

    Attributes:
        code: Exit code; the negative number of the signal that killed it.
        lines: The last lines of its output.
    """

    code: int
    lines: list[str]

    @property
    def reason(self) -> str:
        """Why it failed, in one line."""
        if self.code < 0:
            name = signal.Signals(-self.code).name
            hint = ", most often because memory is full" if name == "SIGKILL" else ""
            return f"killed by {name}{hint}"
        errors = [match[1] or match[2] for line in self.lines if (match := _ERROR.match(line))]
        if errors:
            return errors[-1]
        return f"exit code {self.code}: {self.lines[-1].strip() if self.lines else 'no output'}"


def run_logged(
    command: Sequence[str],
    log: Path,
    on_line: Callable[[str], None],
    on_tick: Callable[[], None],
    keep_open: int,
) -> Outcome:
    """Run a command, its output appended to a log file.

    The process has a session of its own: a stop asked for at the terminal reaches it once, from
    here, and leaves it time for a checkpoint. It is interrupted as well when this process dies.

    Args:
        command: Program and arguments.
        log: The file.
        on_line: Called with each line of the output.
        on_tick: Called several times a second.
        keep_open: File descriptor that the process inherits.

    Returns:
        How it ended.

    Raises:
        Stopped: See :func:`stop_on_signals`; the process has ended by then.
    """
    lines: deque[str] = deque(maxlen=_LINES_KEPT)
    with log.open("ab") as output, log.open("rb") as written:
        _write_command(output, command)
        written.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHON": sys.executable, "PYTHONUNBUFFERED": "1"},
            pass_fds=[keep_open],
            start_new_session=True,
            preexec_fn=_DIE_WITH_PARENT,
        )
        try:
            code, rest = None, b""
            while code is None:
                code = _wait(process, POLL_SECONDS)
                # The last line may be half written, unless there comes no more.
                *whole, rest = (rest + written.read() + b"\n" * (code is not None)).split(b"\n")
                for line in filter(None, whole):
                    lines.append(line.decode(errors="replace"))
                    on_line(lines[-1])
                on_tick()
            return Outcome(code, list(lines))
        finally:
            _end(process)


def run_at_terminal(command: Sequence[str], log: Path) -> Outcome:
    """Run a command that may ask questions; its errors are appended to a log file."""
    with log.open("ab+") as errors:
        _write_command(errors, command)
        start = errors.tell()
        done = subprocess.run(command, stderr=errors, preexec_fn=_DIE_WITH_PARENT)
        errors.seek(start)
        lines = errors.read().decode(errors="replace").splitlines()
    return Outcome(done.returncode, lines[-_LINES_KEPT:])


def _write_command(log: BinaryIO, command: Sequence[str]) -> None:
    log.write(f"$ {shlex.join(command)}\n".encode())
    log.flush()


def _die_with_parent() -> None:
    _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGINT)


_DIE_WITH_PARENT = _die_with_parent if sys.platform == "linux" else None


def _wait(process: subprocess.Popen, seconds: float) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return None


def _end(process: subprocess.Popen) -> None:
    """Interrupt a process that still runs, and take away what is left of its session."""
    try:
        if process.poll() is None:
            print("stopping, which may take until a checkpoint is written", flush=True)
            process.send_signal(signal.SIGINT)
            _wait(process, GRACE_SECONDS)
    finally:  # a second stop arrives here
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
