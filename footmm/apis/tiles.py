"""Cutting large frames into tiles, and making one list of what was found in them.

A detector shrinks a 4K frame until the ball is gone. Cut into tiles that overlap, the frame keeps
its pixels, but three things have to be put right afterwards:

* An object in the overlap is found by several tiles.
* A tile sees only a part of an object on its border. Objects that fit into the overlap are seen
  whole by a neighbour, whose box is the one to keep.
* No tile sees the whole of an object that is larger than the overlap. Its parts become one box.

So boxes of different tiles are asked whether they are of one object, which is more than whether
they overlap: of a box that its tile's border cuts, only what lies inside the tile is known, so two
boxes are compared where all tiles that cut them can see. A tile that tells two players apart proves
that there are two: an object has one box of a tile at the most. Non-maximum suppression, which
drops one of two players who are close together, is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps

from footmm.errors import ConfigError

#: Boxes of two tiles are of one object from this IoU on.
_MIN_IOU = 0.5

#: A part of an object is dropped where this share of it lies inside a whole one.
_MIN_COVERED = 0.7

#: By which share of a tile's longer side a detector misplaces the sides of boxes: those so near to
#: a border count as cut by it. Boxes are compared with a margin of the same size, or the few pixels
#: of a ball would never agree.
_TOLERANCE = 0.005


def check_tiles(tile_size: tuple[int, int], overlap: int) -> None:
    """Check that tiles can be laid.

    Raises:
        ConfigError: They are empty, or not larger than their overlap.
    """
    width, height = tile_size
    if min(width, height) < 1:
        raise ConfigError(f"tile_size is {width} x {height}, it must be at least 1 x 1")
    if not 0 <= overlap < min(width, height):
        raise ConfigError(
            f"tile_overlap is {overlap}, it must be at least 0 and smaller than both sides of "
            f"tile_size, {width} x {height}"
        )


def tile_windows(
    image_size: tuple[int, int], tile_size: tuple[int, int], overlap: int
) -> np.ndarray:
    """Cut a frame into as few tiles as cover it, evenly spread.

    Args:
        image_size: Width and height of the frame, pixels.
        tile_size: Width and height of a tile, which :func:`check_tiles` accepts; a side that is
            longer than the frame's is cut to it.
        overlap: Pixels that neighbours share at least.

    Returns:
        ``(T, 4)`` int64, left, top, right, bottom, row by row.
    """
    columns, rows = (
        _starts(*lengths, overlap) for lengths in zip(image_size, tile_size, strict=True)
    )
    corners = np.array([(left, top) for top in rows for left in columns])
    return np.hstack([corners, corners + np.minimum(tile_size, image_size)])


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    free = max(length - tile, 0)
    num_steps = -(-free // (tile - overlap))
    return [free * number // max(num_steps, 1) for number in range(num_steps + 1)]


@dataclass(frozen=True, eq=False)
class TileDetections:
    """What was found in the tiles of a frame; all pixels are the frame's.

    Attributes:
        windows: ``(T, 4)``, left, top, right, bottom of the tiles, which cover the frame.
        tiles: ``(D,)``, the tile that each box was found in.
        boxes: ``(D, 4)``, left, top, right, bottom.
        scores: ``(D,)``.
        labels: ``(D,)``.
    """

    windows: np.ndarray
    tiles: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def ranked(self) -> TileDetections:
        """Return them sorted, the best scores first."""
        order = np.argsort(-self.scores, kind="stable")
        arrays = (self.tiles, self.boxes, self.scores, self.labels)
        return TileDetections(self.windows, *(array[order] for array in arrays))

    @cached_property
    def frame(self) -> np.ndarray:
        """Left, top, right, bottom of the frame, ``(4,)``."""
        return np.concatenate([self.windows[:, :2].min(axis=0), self.windows[:, 2:].max(axis=0)])

    @cached_property
    def tolerance(self) -> float:
        """By how many pixels sides of boxes may be wrong."""
        return _TOLERANCE * (self.windows[:, 2:] - self.windows[:, :2]).max(axis=1).min()

    @cached_property
    def cut_sides(self) -> np.ndarray:
        """Which sides of the boxes lie on a border inside the frame, ``(D, 4)``."""
        borders = self.windows[self.tiles]
        # From the border inwards; boxes may also reach beyond it.
        distances = (self.boxes - borders) * [1, 1, -1, -1]
        return (borders != self.frame) & (distances <= self.tolerance)

    @cached_property
    def is_cut(self) -> np.ndarray:
        """Which boxes have a side that is cut, ``(D,)``."""
        return self.cut_sides.any(axis=1)


def merge_tiles(found: TileDetections) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make one list of what was found in tiles.

    Objects have the best of their boxes that no border cuts, or else the hull of their parts, and
    the best score of all their boxes. Only boxes of the same class are of one object.

    Args:
        found: What was found.

    Returns:
        Boxes ``(N, 4)``, scores ``(N,)``, falling, and labels ``(N,)``.
    """
    found = found.ranked()
    objects = _group(found)
    boxes = np.array([_box(found, members) for members in objects]).reshape(-1, 4)
    best = [members[0] for members in objects]
    scores, labels = found.scores[best], found.labels[best]
    parts, wholes = _covered_parts(found, objects, boxes, labels)
    np.maximum.at(scores, wholes, scores[parts])
    scores[parts] = -np.inf
    order = np.argsort(-scores, kind="stable")[: len(scores) - len(parts)]
    return boxes[order], scores[order], labels[order]


def _group(found: TileDetections) -> list[list[int]]:
    """Group the boxes that are of one object, those that agree best first.

    Returns:
        Numbers of the boxes of each object, rising, the objects in the order of their first ones.
    """
    groups = [[number] for number in range(len(found.tiles))]
    for pair in _pairs(found):
        first, second = (groups[number] for number in pair)
        if {found.tiles[number] for number in first} & {found.tiles[number] for number in second}:
            continue
        first += second
        for number in second:
            groups[number] = first
    return [sorted(group) for number, group in enumerate(groups) if number == min(group)]


def _pairs(found: TileDetections) -> np.ndarray:
    """Return pairs of boxes that may be of one object, ``(P, 2)``, the likeliest first.

    Agreement counts times the lower of the scores: else the many bad boxes of a detector that has
    no suppression of its own would be paired with the good ones.
    """
    pairs, weights = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for tiles in combinations(range(len(found.windows)), 2):
        for cut in product((False, True), repeat=2):
            chosen = [
                np.flatnonzero((found.tiles == tile) & (found.is_cut == is_cut))
                for tile, is_cut in zip(tiles, cut, strict=True)
            ]
            agreement = _agreement(found, tiles, chosen, cut)
            agreement *= found.labels[chosen[0]][:, None] == found.labels[chosen[1]]
            rows, columns = np.nonzero(agreement >= _MIN_IOU)
            pair = np.stack([chosen[0][rows], chosen[1][columns]], axis=1)
            pairs.append(pair)
            weights.append(agreement[rows, columns] * found.scores[pair].min(axis=1))
    order = np.argsort(-np.concatenate(weights), kind="stable")
    return np.concatenate(pairs)[order]


def _agreement(
    found: TileDetections,
    tiles: tuple[int, int],
    chosen: Sequence[np.ndarray],
    cut: tuple[bool, bool],
) -> np.ndarray:
    """Return the IoU of boxes of one tile with those of another where all of them can be seen.

    Args:
        found: What was found.
        tiles: The two tiles.
        chosen: Boxes of each, ``(A,)`` and ``(B,)``.
        cut: Whether those of each are cut; then only what its tile sees is compared.

    Returns:
        ``(A, B)``; 0 for boxes out of sight, and for parts that cannot be of one object.
    """
    limits = [found.windows[tile] for tile, is_cut in zip(tiles, cut, strict=True) if is_cut]
    region = _common(np.stack([found.frame, *limits]))
    parts = [np.clip(found.boxes[numbers], *np.tile(region.reshape(2, 2), 2)) for numbers in chosen]
    margin = found.tolerance * np.array([-1, -1, 1, 1])
    agreement = bbox_overlaps(*(torch.from_numpy(part + margin) for part in parts)).numpy()
    in_sight = [(part[:, 2:] > part[:, :2]).all(axis=1) for part in parts]
    agreement *= in_sight[0][:, None] & in_sight[1]
    if all(cut):
        agreement *= ~_contradict(found, tiles, chosen, parts, region)
    return agreement


def _common(windows: np.ndarray) -> np.ndarray:
    return np.concatenate([windows[:, :2].max(axis=0), windows[:, 2:].min(axis=0)])


def _contradict(
    found: TileDetections,
    tiles: tuple[int, int],
    chosen: Sequence[np.ndarray],
    parts: Sequence[np.ndarray],
    region: np.ndarray,
) -> np.ndarray:
    """Tell which parts cannot be of one object, ``(A, B)``.

    An object that a border of a tile cuts goes on beyond it, where the other tile sees it.
    """
    cut, away = [], []
    for tile, numbers, part in zip(tiles, chosen, parts, strict=True):
        cut.append(found.cut_sides[numbers] & (found.windows[tile] == region))
        away.append(np.abs(part - region) > 2 * found.tolerance)
    return ((cut[0][:, None] & away[1]) | (away[0][:, None] & cut[1])).any(axis=2)


def _box(found: TileDetections, members: list[int]) -> np.ndarray:
    boxes = found.boxes[members]
    whole = np.flatnonzero(~found.is_cut[members])
    if len(whole):
        return boxes[whole[0]]
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _covered_parts(
    found: TileDetections, objects: list[list[int]], boxes: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find parts that are left over inside of whole objects.

    A detector that sees the arm of a player seldom gets its box right. It is another player's,
    though, if its tile also sees the whole one.

    Returns:
        Numbers of such objects, and for each the best of the whole ones that it lies in.
    """
    sees_part, sees_whole = (np.zeros((len(objects), len(found.windows)), bool) for _ in range(2))
    for number, members in enumerate(objects):
        sees_part[number, found.tiles[members]] = True
        sees_whole[number, found.tiles[members]] = ~found.is_cut[members]
    is_whole = sees_whole.any(axis=1)
    parts, wholes = np.flatnonzero(~is_whole), np.flatnonzero(is_whole)
    pairs = (torch.from_numpy(boxes[numbers]) for numbers in (parts, wholes))
    lies_in = bbox_overlaps(*pairs, mode="iof").numpy() >= _MIN_COVERED
    lies_in &= labels[parts][:, None] == labels[wholes]
    lies_in &= ~(sees_part[parts] @ sees_whole[wholes].T)
    rows, columns = np.nonzero(lies_in)
    rows, firsts = np.unique(rows, return_index=True)
    return parts[rows], wholes[columns[firsts]]
