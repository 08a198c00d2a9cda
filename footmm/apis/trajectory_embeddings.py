"""The vectors of many windows: a table to write, to look windows up in, and to find others like."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.errors import ConfigError, DataFormatError, did_you_mean

if TYPE_CHECKING:
    import pyarrow

    from footmm.apis.trajectory_inferencer import InferredWindow

#: Windows named in a message.
_NAMED = 3


@dataclass(frozen=True, eq=False)
class TrajectoryEmbeddings:
    """Vectors of ``N`` windows, of length D, and of their ``A`` agents, of length d.

    Attributes:
        match: ``(N,)``, names of the matches.
        source: ``(N,)``, where the tracks come from.
        period: ``(N,)``, 1 for the first half.
        first_frame: ``(N,)``, the source's number of the window's first frame.
        last_frame: ``(N,)``, of its last frame.
        embedding: ``(N, D)`` float32.
        agent_ids: ``(N, A)``, names of the agents, empty for places that nobody fills; None where
            the agents' vectors were not kept.
        agent_embedding: ``(N, A, d)`` float32, or None.
    """

    match: np.ndarray
    source: np.ndarray
    period: np.ndarray
    first_frame: np.ndarray
    last_frame: np.ndarray
    embedding: np.ndarray
    agent_ids: np.ndarray | None = None
    agent_embedding: np.ndarray | None = None

    @classmethod
    def collect(
        cls, windows: Iterable[InferredWindow], with_agents: bool = False
    ) -> TrajectoryEmbeddings:
        """Keep the vectors of windows.

        Args:
            windows: What a :class:`~footmm.apis.trajectory_inferencer.TrajectoryInferencer` yields.
            with_agents: Whether to keep those of the agents.

        Raises:
            DataFormatError: There are no windows.
        """
        return cls.from_rows([cls.row(window, with_agents) for window in windows])

    @staticmethod
    def row(window: InferredWindow, with_agents: bool = False) -> tuple[Any, ...]:
        """Return what is kept of a window, and can be kept of many.

        Args:
            window: The window.
            with_agents: Whether to keep the vectors of its agents.
        """
        tracks = window.trajectories
        frames = tracks.frame_ids[[0, -1]]
        agents = (tracks.agent_ids, window.agents) if with_agents else ()
        return (tracks.match, tracks.source, window.period, *frames, window.window, *agents)

    @classmethod
    def from_rows(cls, rows: Sequence[tuple[Any, ...]]) -> TrajectoryEmbeddings:
        """Make the table of what :meth:`row` returned.

        Args:
            rows: Of all windows, all with or all without agents.

        Raises:
            DataFormatError: There are no windows.
        """
        if not rows:
            raise DataFormatError("the dataset has no windows: nothing to embed")
        return cls(*map(np.array, zip(*rows, strict=True)))

    def __len__(self) -> int:
        return len(self.embedding)

    def describe(self, index: int) -> str:
        """Name a window in words."""
        return (
            f"{self.match[index]}, frames {self.first_frame[index]} to {self.last_frame[index]} "
            f"(window {index})"
        )

    def find(self, query: str) -> int:
        """Look a window up.

        Args:
            query: Its number, or ``MATCH:FRAME`` with the source's number of a frame: of the
                windows that hold the frame, the one in whose middle it is.

        Returns:
            The number of the window.

        Raises:
            ConfigError: There is no such window, match or frame.
        """
        if query.isdecimal():
            return self._checked_number(int(query))
        match, _, frame = query.rpartition(":")
        if not match or not frame.isdecimal():
            raise ConfigError(
                f"query '{query}' is neither the number of a window nor MATCH:FRAME, such as "
                f"{self.match[0]}:{self.first_frame[0]}"
            )
        return self._containing(match, int(frame))

    def nearest(self, query: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the windows most like one.

        Windows of one passage of play are alike because they overlap: of windows that share frames
        with the query, or with one that is nearer to it, none is taken.

        Args:
            query: Number of the window.
            count: How many to find.

        Returns:
            Their numbers ``(count,)`` and cosine distances ``(count,)``, the nearest first.

        Raises:
            ConfigError: There are not so many.
        """
        free = ~self._overlapping(query)
        order, distances = self._ranked(query)
        kept = []
        for place, number in enumerate(order):
            if len(kept) == count:
                break
            if free[number]:
                kept.append(place)
                free &= ~self._overlapping(number)
        if len(kept) < count:
            raise ConfigError(
                f"{count} windows like window {query} were asked for; of all {len(self)} windows "
                f"only {len(kept)} share no frame with it or with each other: ask for fewer, or "
                "read more matches"
            )
        return order[kept], distances[kept]

    def write(self, path: str | Path) -> None:
        """Write the table.

        A ``.parquet`` has a row for each window, with the columns ``match``, ``source``,
        ``period``, ``first_frame``, ``last_frame``, ``embedding`` (D float32) and, with the agents,
        ``agent_ids`` (names of those who are there) and ``agent_embeddings`` (their vectors). A
        ``.npz`` holds the attributes of this class as arrays.

        Args:
            path: The file; it has its old content or the new one, never a part of it.

        Raises:
            ConfigError: It is neither a ``.parquet`` nor a ``.npz``.
        """
        path, file = Path(path), io.BytesIO()
        if path.suffix == ".npz":
            np.savez_compressed(file, **{k: v for k, v in vars(self).items() if v is not None})
        elif path.suffix == ".parquet":
            import pyarrow.parquet

            pyarrow.parquet.write_table(self.to_table(), file)
        else:
            raise ConfigError(f"embeddings are written as .parquet or .npz, not as '{path}'")
        AtomicLocalBackend().put(file.getvalue(), path)

    def to_table(self) -> pyarrow.Table:
        """Return the rows of :meth:`write` as an Arrow table."""
        # Takes long to import, and is not needed to find windows.
        import pyarrow

        names = ("match", "source", "period", "first_frame", "last_frame")
        columns = {name: pyarrow.array(getattr(self, name)) for name in names}
        columns["embedding"] = _vectors(self.embedding)
        if self.agent_embedding is not None:
            there = self.agent_ids != ""
            ends = np.append(0, there.sum(1).cumsum()).astype(np.int32)
            lists = pyarrow.ListArray.from_arrays
            columns["agent_ids"] = lists(ends, pyarrow.array(self.agent_ids[there]))
            columns["agent_embeddings"] = lists(ends, _vectors(self.agent_embedding[there]))
        return pyarrow.table(columns)

    def _checked_number(self, number: int) -> int:
        if number >= len(self):
            raise ConfigError(
                f"there is no window {number}: they are numbered 0 to {len(self) - 1}"
            )
        return number

    def _containing(self, match: str, frame: int) -> int:
        of_match = np.flatnonzero(self.match == match)
        if not len(of_match):
            known = np.unique(self.match).tolist()
            raise ConfigError(
                f"there are no windows of match '{match}', but of {len(known)} others, such as "
                f"{', '.join(known[:_NAMED])}{did_you_mean(match, known)}"
            )
        first, last = self.first_frame[of_match], self.last_frame[of_match]
        # Frames between the frame and the window; 0 where the window holds it.
        away = np.maximum(np.maximum(first - frame, frame - last), 0)
        # Twice the frames between the frame and the middle of the window.
        order = np.lexsort([np.abs(first + last - 2 * frame), away])
        if away[order[0]]:
            nearest = "; ".join(self.describe(number) for number in of_match[order[:_NAMED]])
            raise ConfigError(
                f"no window of match '{match}' holds frame {frame}; the nearest are {nearest}"
            )
        return int(of_match[order[0]])

    def _ranked(self, query: int) -> tuple[np.ndarray, np.ndarray]:
        """All windows by their distance from one, and the distances."""
        search = NearestNeighbors(n_neighbors=len(self), metric="cosine").fit(self.embedding)
        distances, order = search.kneighbors(self.embedding[[query]])
        return order[0], distances[0]

    def _overlapping(self, index: int) -> np.ndarray:
        """Windows ``(N,)`` bool that share a frame with one, itself among them."""
        same = np.ones(len(self), bool)
        for column in (self.match, self.source, self.period):
            same &= column == column[index]
        begins_before = self.first_frame <= self.last_frame[index]
        return same & begins_before & (self.last_frame >= self.first_frame[index])


def _vectors(array: np.ndarray) -> pyarrow.FixedSizeListArray:
    """An Arrow array of the rows of ``(N, d)``."""
    import pyarrow

    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(array.ravel()), array.shape[1])
