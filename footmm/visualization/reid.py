"""Pictures of re-identification: queries and the gallery images ranked first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from mmdet.structures import ReIDDataSample
from mmengine.visualization import Visualizer

from footmm.errors import DataFormatError
from footmm.evaluation.functional import (
    MARKET1501_JUNK_ID,
    DistanceBlock,
    action_distance_blocks,
    distance_blocks,
)
from footmm.registry import VISUALIZERS
from footmm.structures.person_embedding import PersonEmbedding

PAGE, CELL, INK, FAINT = (255, 255, 255), (236, 239, 241), (33, 38, 43), (107, 115, 122)
RIGHT, WRONG, NEUTRAL = (38, 166, 91), (217, 48, 37), (120, 130, 140)

#: Pixels: a cell with its border, the gaps between cells, the text under a cell, the page's edges.
CELL_WIDTH, CELL_HEIGHT, BORDER = 96, 184, 5
GAP, QUERY_GAP, CAPTION = 10, 34, 40
MARGIN, HEADER = 24, 88

#: Pixels of the picture of one person, and of a line of text above it.
_PERSON_WIDTH, _PERSON_HEIGHT, _LINE_HEIGHT = 320, 384, 22


class RankedQuery(NamedTuple):
    """A query and the gallery images nearest to it.

    Attributes:
        query: The query.
        gallery: Best first.
        distances: Of these, shape (K,).
        correct: Whether they show the query's person, shape (K,); None where nobody is labelled.
    """

    query: ReIDDataSample
    gallery: list[ReIDDataSample]
    distances: np.ndarray
    correct: np.ndarray | None

    @property
    def failed(self) -> bool:
        """Whether the first image shows another person."""
        return self.correct is not None and not self.correct[0]


@VISUALIZERS.register_module()
class ReIDVisualizer(Visualizer):
    """Draws rankings: a row per query, right answers framed in green, wrong ones in red.

    Args:
        num_queries: Rows of the picture.
        topk: Gallery images per row.
        distance: ``cosine`` or ``euclidean`` (its square is printed), as in the metric.
        feature: Field of the data samples that is compared.
        name: Of the instance, for MMEngine's ``get_instance``.
        **kwargs: See MMEngine's ``Visualizer``.
    """

    def __init__(
        self,
        num_queries: int = 8,
        topk: int = 10,
        distance: str = "cosine",
        feature: str = "pred_feature",
        name: str = "visualizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self.num_queries = num_queries
        self.topk = topk
        self.distance = distance
        self.feature = feature

    def draw_samples(self, data_samples: list[ReIDDataSample]) -> dict[str, np.ndarray]:
        """Draw the rankings of some queries, half of them failures if there are enough.

        Samples with an ``action_id`` are ranked inside their action (SoccerNet), others against
        the whole gallery without the query's person in the query's camera (Market-1501).

        Args:
            data_samples: Predicted queries and gallery images.

        Returns:
            ``ranking``: RGB, uint8, shape (H, W, 3). Nothing if no query has a gallery.

        Raises:
            DataFormatError: An image cannot be read.
        """
        query = [sample for sample in data_samples if sample.role == "query"]
        gallery = [
            sample
            for sample in data_samples
            if sample.role == "gallery" and sample.get("person_id") != MARKET1501_JUNK_ID
        ]
        if not query or not gallery:
            return {}
        ranked = self._rank(query, gallery)
        if not ranked:
            return {}
        return {"ranking": self._draw(_select(ranked, self.num_queries), len(ranked))}

    def _rank(
        self, query: list[ReIDDataSample], gallery: list[ReIDDataSample]
    ) -> list[RankedQuery]:
        features = self._features(query), self._features(gallery)
        if "action_id" in query[0]:
            actions = [np.array([s.action_id for s in part]) for part in (query, gallery)]
            blocks = action_distance_blocks(*features, *actions, self.distance)
        else:
            blocks = distance_blocks(*features, self.distance)
        ranked = []
        for block in blocks:
            ranked.extend(_rank_block(block, query, gallery, self.topk))
        return ranked

    def _features(self, samples: list[ReIDDataSample]) -> np.ndarray:
        return np.stack([sample.get(self.feature).float().cpu().numpy() for sample in samples])

    def _draw(self, rows: Sequence[RankedQuery], num_ranked: int) -> np.ndarray:
        self.set_image(_page(rows, self.topk))
        self._write_header(rows, num_ranked)
        for row, ranked in enumerate(rows):
            self._write_captions(row, ranked)
        return self.get_image()

    def _write_header(self, rows: Sequence[RankedQuery], num_ranked: int) -> None:
        title = f"The {self.topk} nearest gallery images of {len(rows)} queries"
        notes = f"distance: {self.distance}; {len(rows)} of {num_ranked} queries"
        if rows[0].correct is not None:
            notes = f"green: the same person, red: somebody else; {notes}, failures first"
        self._write(title, (MARGIN, MARGIN), 17, INK, "left")
        self._write(notes, (MARGIN, MARGIN + 32), 11, FAINT, "left")

    def _write_captions(self, row: int, ranked: RankedQuery) -> None:
        below = np.array([CELL_WIDTH / 2, CELL_HEIGHT + 3])
        self._write(f"query\n{_person(ranked.query)}", _cell_corner(row, 0) + below, 9, INK)
        for rank, (sample, distance) in enumerate(
            zip(ranked.gallery, ranked.distances, strict=True), start=1
        ):
            text = f"#{rank}   {distance:.3f}\n{_person(sample)}"
            self._write(text, _cell_corner(row, rank) + below, 9, FAINT)

    def _write(
        self,
        text: str,
        position: Sequence[float],
        size: int,
        color: tuple[int, int, int],
        align: str = "center",
    ) -> None:
        self.draw_texts(
            text,
            np.asarray(position, dtype=float),
            font_sizes=size,
            colors=color,
            horizontal_alignments=align,
        )


def draw_person(image: np.ndarray, person: PersonEmbedding) -> np.ndarray:
    """Draw the picture of a person under what a model reads off it.

    Args:
        image: The picture, ``(H, W, 3)`` uint8, (blue, green, red).
        person: What the model says.

    Returns:
        ``(H, W, 3)`` uint8, (blue, green, red).
    """
    scale = _PERSON_HEIGHT / image.shape[0]
    size = max(1, round(image.shape[1] * scale)), _PERSON_HEIGHT
    lines = [person.name, *_attributes(person)]
    top, width = _LINE_HEIGHT * len(lines) + GAP, max(size[0], _PERSON_WIDTH)
    page = np.full((top + size[1], width, 3), PAGE, np.uint8)
    left = (width - size[0]) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    page[top:, left : left + size[0]] = cv2.resize(image, size, interpolation=method)
    for number, line in enumerate(lines, start=1):
        place = (GAP, number * _LINE_HEIGHT - 6)
        cv2.putText(page, line, place, cv2.FONT_HERSHEY_DUPLEX, 0.45, INK[::-1], 1, cv2.LINE_AA)
    return page


def _attributes(person: PersonEmbedding) -> list[str]:
    lines = []
    if person.jersey_scores is not None:
        number = int(person.jersey_scores.argmax())
        text = f"number {number}" if number < 100 else "number not visible"
        lines.append(f"{text} ({person.jersey_scores[number]:.2f})")
    if person.height is not None:
        lines.append(f"{person.height:.2f} m, build {person.build:.2f}")
    return lines


def _rank_block(
    block: DistanceBlock, query: list[ReIDDataSample], gallery: list[ReIDDataSample], topk: int
) -> list[RankedQuery]:
    persons = np.array([gallery[g].get("person_id") for g in block.gallery_index])
    cameras = np.array([gallery[g].get("camera_id") for g in block.gallery_index])
    ranked = []
    for index, distances in zip(block.query_index, block.distances, strict=True):
        sample = query[index]
        same_person = persons == sample.get("person_id")
        order = np.argsort(distances)
        if "camera_id" in sample:
            order = order[~(same_person & (cameras == sample.camera_id))[order]]
        order = order[:topk]
        if len(order) == 0:
            continue
        nearest = [gallery[block.gallery_index[g]] for g in order]
        correct = same_person[order] if "person_id" in sample else None
        ranked.append(RankedQuery(sample, nearest, distances[order], correct))
    return ranked


def _select(ranked: list[RankedQuery], count: int) -> list[RankedQuery]:
    """Return ``count`` queries, evenly spread, up to half of them failures, these first."""
    failures = [row for row in ranked if row.failed]
    successes = [row for row in ranked if not row.failed]
    num_failures = min(len(failures), max(count // 2, count - len(successes)))
    return _spread(failures, num_failures) + _spread(successes, count - num_failures)


def _spread(rows: list[RankedQuery], count: int) -> list[RankedQuery]:
    if count >= len(rows):
        return rows
    return [rows[i * len(rows) // count] for i in range(count)]


def _person(sample: ReIDDataSample) -> str:
    if "person_id" in sample:
        return f"person {sample.person_id}"
    return f"image {sample.sample_id}"


def _cell_corner(row: int, column: int) -> np.ndarray:
    """Return the left upper corner (x, y) of a cell; column 0 is the query's."""
    x = MARGIN + column * (CELL_WIDTH + GAP) + (QUERY_GAP if column else 0)
    return np.array([x, HEADER + row * (CELL_HEIGHT + CAPTION)])


def _page(rows: Sequence[RankedQuery], topk: int) -> np.ndarray:
    width, height = _cell_corner(len(rows), topk + 1) - (GAP, 0) + (MARGIN, 0)
    page = np.full((height, width, 3), PAGE, dtype=np.uint8)
    for row, ranked in enumerate(rows):
        _paste(page, _cell_corner(row, 0), ranked.query, NEUTRAL)
        for rank, sample in enumerate(ranked.gallery):
            color = NEUTRAL
            if ranked.correct is not None:
                color = RIGHT if ranked.correct[rank] else WRONG
            _paste(page, _cell_corner(row, rank + 1), sample, color)
    return page


def _paste(
    page: np.ndarray, corner: np.ndarray, sample: ReIDDataSample, color: tuple[int, int, int]
) -> None:
    image = cv2.imread(str(sample.img_path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataFormatError(f"cannot read the image '{sample.img_path}'")
    x, y = corner
    cell = page[y : y + CELL_HEIGHT, x : x + CELL_WIDTH]
    cell[:] = color
    inside = cell[BORDER:-BORDER, BORDER:-BORDER]
    inside[:] = CELL
    scale = min(inside.shape[0] / image.shape[0], inside.shape[1] / image.shape[1])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    crop = cv2.cvtColor(cv2.resize(image, (width, height), interpolation=method), cv2.COLOR_BGR2RGB)
    top, left = (inside.shape[0] - height) // 2, (inside.shape[1] - width) // 2
    inside[top : top + height, left : left + width] = crop
