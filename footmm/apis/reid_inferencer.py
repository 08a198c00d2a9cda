"""From pictures of persons to embeddings, and to the pictures that show the same person."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmdet.structures import ReIDDataSample
from mmengine.config import Config

from footmm.apis.frame_inferencer import FrameInferencer, Record
from footmm.apis.frames import Frame, FrameReader
from footmm.apis.growing_files import at_end, growing_file
from footmm.apis.inferencer import Pictures
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.engine.hooks.validation_pictures import write_png
from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation.functional import DISTANCES, distance_blocks
from footmm.structures.person_embedding import PersonEmbedding, PersonRanking
from footmm.visualization.reid import ReIDVisualizer, draw_person

EMBEDDINGS_FILE, RANKING_FILE, RANKING_PICTURE = "embeddings.npz", "ranking.csv", "ranking.png"


class ReIDInferencer(FrameInferencer[PersonEmbedding]):
    """Embeds pictures of persons, and ranks a gallery by how much it is like them.

    ``out_dir`` gets ``embeddings.npz``: ``name`` (N,) text, ``embedding`` (N, D) float32 and
    ``complete`` (); where the model tells, ``jersey_scores`` (N, 101), ``height`` (N,), metres, and
    ``build`` (N,); of :meth:`rank` also ``role`` (N,), ``query`` or ``gallery``. For it the
    embeddings, a kilobyte each, are kept until the end.

    Args:
        config: A config of the reid task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        distance: ``'cosine'`` or ``'euclidean'`` (the square of it), by which :meth:`rank` ranks.
        num_nearest: How many pictures it finds for each query at most.

    Raises:
        ConfigError: The config is missing, broken or of another task, or there is no such distance.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    task = "reid"
    packer = "PackReIDInputs"
    default_batch_size = 32
    result_files = (EMBEDDINGS_FILE,)

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        distance: str = "cosine",
        num_nearest: int = 10,
    ) -> None:
        if distance not in DISTANCES or num_nearest < 1:
            raise ConfigError(
                f"distance={distance!r} has to be one of {', '.join(DISTANCES)}, and "
                f"num_nearest={num_nearest} at least 1"
            )
        super().__init__(config, checkpoint, device, pictures=False)
        self.distance, self.num_nearest = distance, num_nearest

    def rank(
        self,
        query: Any,
        gallery: Any,
        batch_size: int | None = None,
        show: bool = False,
        out_dir: str | Path | None = None,
        progress: bool = True,
        overwrite: bool = False,
    ) -> PersonRanking:
        """Find for each picture those of a gallery that are most like it.

        ``out_dir`` gets ``embeddings.npz`` of all, ``ranking.csv`` (a row for each picture found:
        query, rank, gallery, distance) and ``ranking.png``, some of the rankings, in which a
        picture is named by its row of ``embeddings.npz``, from 0.

        Args:
            query: What a call takes.
            gallery: Likewise.
            batch_size: See :meth:`footmm.apis.inferencer.Inferencer.__call__`, as for the others.
            show: Whether the picture of the ranking is shown.
            out_dir: Folder of the results.
            progress: Whether progress bars are drawn.
            overwrite: Whether ``out_dir`` may hold other files than earlier results.

        Raises:
            ConfigError: As a call does, or what is drawn comes from an iterator.
            DatasetNotFoundError: As a call does.
            DataFormatError: As a call does, or no picture of one side can be read.
        """
        batch_size = self._checked_batch_size(batch_size)
        readers = self.read(query), self.read(gallery)
        window, out = self._outputs(show, out_dir, overwrite)
        drawn = show or out is not None
        if drawn and any(reader.is_stream for reader in readers):
            raise ConfigError(
                "pictures of an iterator cannot be read again to be drawn: give a folder or a list"
            )
        sides = [list(self(reader, batch_size, progress=progress)) for reader in readers]
        ranking = rank_persons(*sides, self.distance, self.num_nearest)
        picture = self._draw_ranking(readers, sides) if drawn else None
        if window is not None:
            window.show(picture[..., ::-1])
        if out is not None:
            roles = ["query"] * len(sides[0]) + ["gallery"] * len(sides[1])
            write_embeddings(out / EMBEDDINGS_FILE, sides[0] + sides[1], True, roles)
            _write_ranking(out / RANKING_FILE, ranking)
            write_png(out / RANKING_PICTURE, picture)
        return ranking

    def predict(
        self, source: FrameReader, batch_size: int, drawn: bool
    ) -> Iterator[tuple[Frame, PersonEmbedding]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.predict`."""
        for frame, sample in self.predict_samples(source, batch_size):
            yield frame, PersonEmbedding.from_sample(frame.name, sample)

    def draw(self, item: Frame, result: PersonEmbedding) -> Pictures:
        """Draw the person, with what the model reads off the picture."""
        return {"persons": draw_person(item.image, result)}

    @contextmanager
    def open_records(self, out: Path, source: FrameReader) -> Iterator[Record[PersonEmbedding]]:
        """See :meth:`footmm.apis.frame_inferencer.FrameInferencer.open_records`."""
        persons: list[PersonEmbedding] = []
        path = out / EMBEDDINGS_FILE
        with at_end(lambda complete: write_embeddings(path, persons, complete)):
            yield lambda frame, result: persons.append(result)

    def _draw_ranking(
        self, readers: Sequence[FrameReader], sides: Sequence[Sequence[PersonEmbedding]]
    ) -> np.ndarray:
        visualizer = ReIDVisualizer(topk=self.num_nearest, distance=self.distance)
        with tempfile.TemporaryDirectory() as folder:
            samples: list[ReIDDataSample] = []
            for role, reader, persons in zip(("query", "gallery"), readers, sides, strict=True):
                paths = _picture_files(reader, Path(folder, role))
                samples += [
                    _sample(role, number, paths[person.name], person)
                    for number, person in enumerate(persons, start=len(samples))
                ]
            return visualizer.draw_samples(samples)["ranking"]


def rank_persons(
    query: Sequence[PersonEmbedding],
    gallery: Sequence[PersonEmbedding],
    distance: str = "cosine",
    num_nearest: int = 10,
) -> PersonRanking:
    """Rank persons by the distance of their embeddings.

    Args:
        query: Persons to look for.
        gallery: Among whom.
        distance: See :func:`footmm.evaluation.functional.pairwise_distances`.
        num_nearest: How many are found for each query at most.

    Raises:
        ConfigError: There is no such distance.
        DataFormatError: One of the two is empty.
    """
    for name, persons in {"query": query, "gallery": gallery}.items():
        if not persons:
            raise DataFormatError(f"the {name} holds no picture that can be read: nothing to rank")
    features = (np.stack([person.embedding for person in side]) for side in (query, gallery))
    orders, distances = [], []
    for block in distance_blocks(*features, distance):
        order = np.argsort(block.distances, axis=1, kind="stable")[:, :num_nearest]
        orders.append(order)
        nearest = np.take_along_axis(block.distances, order, axis=1)
        # Rounding takes cosines above 1.
        distances.append(np.maximum(nearest, 0.0))
    return PersonRanking(
        query=tuple(person.name for person in query),
        gallery=tuple(person.name for person in gallery),
        order=np.concatenate(orders),
        distances=np.concatenate(distances),
    )


def write_embeddings(
    path: Path,
    persons: Sequence[PersonEmbedding],
    complete: bool,
    roles: Sequence[str] | None = None,
) -> None:
    """Write ``embeddings.npz``, see :class:`ReIDInferencer`.

    Args:
        path: The file; it has its old content or the new one, never a part of it.
        persons: The embeddings.
        complete: Whether these are all.
        roles: ``query`` or ``gallery``, of each of them.
    """
    arrays: dict[str, Any] = {
        "name": np.array([person.name for person in persons], dtype=np.str_),
        "embedding": np.array([person.embedding for person in persons], np.float32),
        "complete": complete,
    }
    for key in ("jersey_scores", "height", "build"):
        values = [getattr(person, key) for person in persons]
        if persons and all(value is not None for value in values):
            arrays[key] = np.array(values, np.float32)
    if roles is not None:
        arrays["role"] = np.array(roles, dtype=np.str_)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    AtomicLocalBackend().put(file.getvalue(), path)


def _write_ranking(path: Path, ranking: PersonRanking) -> None:
    with growing_file(path) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("query", "rank", "gallery", "distance"))
        for number, query in enumerate(ranking.query):
            found = zip(ranking.names(number), ranking.distances[number].tolist(), strict=True)
            for rank, (name, distance) in enumerate(found, start=1):
                table.writerow((query, rank, name, round(distance, 6)))


def _picture_files(reader: FrameReader, folder: Path) -> dict[str, Path]:
    """Return the files of pictures by their names; those that are in none are written to one."""
    paths = reader.paths
    if len(paths) == len(reader):
        return paths
    folder.mkdir()
    for frame in reader:
        if frame.name not in paths:
            paths[frame.name] = folder / f"{frame.number}.png"
            cv2.imwrite(str(paths[frame.name]), frame.image)
    return paths


def _sample(role: str, number: int, path: Path, person: PersonEmbedding) -> ReIDDataSample:
    """Make what the visualizer draws; there is no room for names of files."""
    sample = ReIDDataSample(metainfo={"role": role, "sample_id": number, "img_path": str(path)})
    sample.set_field(torch.from_numpy(person.embedding), "pred_feature")
    return sample
