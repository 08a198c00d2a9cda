"""What the inferencers of all tasks share: one call, results one after the other."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from mmengine.config import Config
from mmengine.utils import ProgressBar

from footmm.apis.cli import prepare_folder
from footmm.apis.model import init_model
from footmm.apis.picture_window import PictureWindow
from footmm.errors import ConfigError

Result = TypeVar("Result")

#: Pictures of a result by what they show, ``(H, W, 3)`` uint8, (blue, green, red).
Pictures = Mapping[str, np.ndarray]

#: Takes what was read, its result, and its pictures.
Write = Callable[[Any, Result, Pictures], None]


class Results(Iterator[Result]):
    """Results that are predicted, drawn and written while they are asked for.

    Files are closed with the last result, and where it is given up earlier: by :meth:`close`, at
    the end of a ``with``, or when nobody holds it any more, as after a ``break`` from
    ``for result in inferencer(...)``. They say then that they are not complete.
    """

    def __init__(self, results: Generator[Result, None, None], clock: _Clock) -> None:
        self._results, self._clock = results, clock

    @property
    def seconds(self) -> float:
        """Seconds that predictions took so far, without what is drawn, shown and written."""
        return self._clock.seconds

    def __next__(self) -> Result:
        return next(self._results)

    def __enter__(self) -> Results[Result]:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and close the files."""
        self._results.close()


class Inferencer(ABC, Generic[Result]):
    """Base of the inferencers: a config's model with the weights of a checkpoint, and its call.

    MMEngine's ``BaseInferencer`` is not used: it turns its inputs into a list and keeps all
    predictions and pictures until the end, which a long video has no room for, and its calls
    return dictionaries by conventions that each library on it has replaced.

    A task states :attr:`default_batch_size` and :attr:`result_files`, and defines :meth:`read`,
    :meth:`predict`, :meth:`draw` and :meth:`write_results`.

    Args:
        config: A config of the task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.

    Attributes:
        model: The model, in evaluation mode.

    Raises:
        ConfigError: The config is missing, broken or of another task.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    #: What is predicted together where a call does not say.
    default_batch_size: ClassVar[int] = 1

    #: Names of the files that tell a folder of earlier results from others.
    result_files: ClassVar[tuple[str, ...]] = ()

    #: Whether :meth:`write_results` takes pictures of single results.
    writes_pictures: bool = False

    def __init__(
        self, config: str | Path | Config, checkpoint: str | Path, device: str | None = None
    ) -> None:
        self.model = init_model(config, checkpoint, device)

    def __call__(
        self,
        inputs: Any,
        batch_size: int | None = None,
        show: bool = False,
        out_dir: str | Path | None = None,
        progress: bool = True,
        overwrite: bool = False,
    ) -> Results[Result]:
        """Predict inputs.

        The arguments are checked now; everything else happens while results are asked for. Only
        what a batch is made of is in memory at a time, unless the class says that it keeps more.

        Args:
            inputs: What :meth:`read` takes.
            batch_size: What is predicted together; the task's default without it.
            show: Whether each result is shown, in a window or below a notebook's cell.
            out_dir: Folder that results are written to while they come.
            progress: Whether a progress bar is drawn on stderr.
            overwrite: Whether ``out_dir`` may hold other files than earlier results.

        Returns:
            The results in the order of the inputs.

        Raises:
            ConfigError: An argument cannot be meant, nothing can be shown here, or ``out_dir``
                cannot be written or holds files that are not ours.
            DatasetNotFoundError: An input does not exist.
            DataFormatError: An input is not what the task reads.
        """
        batch_size = self._checked_batch_size(batch_size)
        source = self.read(inputs)
        window, out = self._outputs(show, out_dir, overwrite)
        drawn = show or (out is not None and self.writes_pictures)
        clock = _Clock(self.predict(source, batch_size, drawn))
        return Results(self._results(source, clock, window, out, drawn, progress), clock)

    @abstractmethod
    def read(self, inputs: Any) -> Sized:
        """Find out what there is to predict, and check it as far as that is cheap.

        Args:
            inputs: Of a call.

        Returns:
            What reads it when it is needed; 0 long where its length is not known.
        """

    @abstractmethod
    def predict(self, source: Any, batch_size: int, drawn: bool) -> Iterator[tuple[Any, Result]]:
        """Predict what :meth:`read` returned, some at a time.

        Args:
            source: From :meth:`read`.
            batch_size: What is predicted together.
            drawn: Whether results will be drawn; what was read may be None if they will not.

        Yields:
            What was read, and its result.
        """

    @abstractmethod
    def draw(self, item: Any, result: Result) -> Pictures:
        """Draw a result; the first picture is the one that is shown.

        Args:
            item: What was read.
            result: Its result.

        Returns:
            Pictures ``(H, W, 3)``, uint8, (blue, green, red), by kind.
        """

    @abstractmethod
    def write_results(self, out: Path, source: Any) -> AbstractContextManager[Write[Result]]:
        """Open the files of the results.

        Args:
            out: Their folder.
            source: From :meth:`read`.

        Returns:
            A context with what writes a result. It is left with an error where not all results
            were asked for; the files are closed all the same, and say so.
        """

    def _checked_batch_size(self, batch_size: int | None) -> int:
        if batch_size is None:
            return self.default_batch_size
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ConfigError(
                f"batch_size is {batch_size}, it must be at least 1, and a whole number"
            )
        return batch_size

    def _outputs(
        self, show: bool, out_dir: str | Path | None, overwrite: bool
    ) -> tuple[PictureWindow | None, Path | None]:
        """Check where results are to go; return the window and the folder."""
        window = PictureWindow() if show else None
        if out_dir is None:
            return window, None
        out = Path(out_dir)
        prepare_folder(out, self.result_files, overwrite, "out_dir", "overwrite=True")
        return window, out

    def _results(
        self,
        source: Sized,
        pairs: Iterable[tuple[Any, Result]],
        window: PictureWindow | None,
        out: Path | None,
        drawn: bool,
        progress: bool,
    ) -> Generator[Result, None, None]:
        with ExitStack() as files:
            bar = None
            if progress:
                bar = ProgressBar(len(source), file=sys.stderr)
                files.callback(print, file=sys.stderr)
            write = None if out is None else files.enter_context(self.write_results(out, source))
            for item, result in pairs:
                pictures = self.draw(item, result) if drawn else {}
                if window is not None:
                    window.show(next(iter(pictures.values())))
                if write is not None:
                    write(item, result, pictures)
                yield result
                if bar is not None:
                    bar.update()


class _Clock(Iterable[tuple[Any, Result]]):
    """Measures how long pairs took to come, without what is done with them."""

    def __init__(self, pairs: Iterable[tuple[Any, Result]]) -> None:
        self._pairs = pairs
        self.seconds = 0.0

    def __iter__(self) -> Iterator[tuple[Any, Result]]:
        start = time.perf_counter()
        for pair in self._pairs:
            self.seconds += time.perf_counter() - start
            yield pair
            start = time.perf_counter()
