"""Ranking of gallery images for query images, and its scores: mAP and CMC.

Everything works on :class:`DistanceBlock`, so a gallery of tens of thousands of images never
needs its whole distance matrix. Under the Market-1501 protocol a block holds some queries and the
whole gallery (:func:`distance_blocks`), under the SoccerNet protocol the queries and the gallery
of one action (:func:`action_distance_blocks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from footmm.errors import DataFormatError
from footmm.evaluation.functional.reid_distances import BLOCK_SIZE, pairwise_distances
from footmm.evaluation.functional.reid_reranking import k_reciprocal_distances

#: Market-1501: images with this identity are no persons and belong in no gallery.
MARKET1501_JUNK_ID = -1

_NOBODY = np.empty(0, dtype=np.intp)


class DistanceBlock(NamedTuple):
    """The distances of some queries to the gallery images that they are ranked against.

    Attributes:
        query_index: Rows of the query set, shape (Q,).
        gallery_index: Rows of the gallery, shape (G,).
        distances: Shape (Q, G).
    """

    query_index: np.ndarray
    gallery_index: np.ndarray
    distances: np.ndarray


class RankMetrics(NamedTuple):
    """Scores of a ranking, as fractions.

    Attributes:
        mean_average_precision: Mean over the queries that have a match.
        cmc: Share of these queries with a match among the first 1, 2, ... images, shape
            (max_rank,).
        unmatched: Queries without a match, which do not count, shape (U,).
    """

    mean_average_precision: float
    cmc: np.ndarray
    unmatched: np.ndarray


def distance_blocks(
    query_features: np.ndarray,
    gallery_features: np.ndarray,
    distance: str = "cosine",
    *,
    rerank: Mapping[str, Any] | None = None,
    block_size: int = BLOCK_SIZE,
) -> Iterator[DistanceBlock]:
    """Yield the distances of all queries to the whole gallery, some queries at a time.

    Args:
        query_features: Shape (Q, D).
        gallery_features: Shape (G, D).
        distance: See :func:`pairwise_distances`.
        rerank: Arguments of :func:`k_reciprocal_distances`, which holds a whole (Q, G) matrix.
        block_size: Queries per block.
    """
    gallery_index = np.arange(len(gallery_features))
    if rerank is not None:
        reranked = k_reciprocal_distances(query_features, gallery_features, distance, **rerank)
    for start in range(0, len(query_features), block_size):
        query_index = np.arange(start, min(start + block_size, len(query_features)))
        if rerank is not None:
            distances = reranked[query_index]
        else:
            distances = pairwise_distances(query_features[query_index], gallery_features, distance)
        yield DistanceBlock(query_index, gallery_index, distances)


def action_distance_blocks(
    query_features: np.ndarray,
    gallery_features: np.ndarray,
    query_actions: np.ndarray,
    gallery_actions: np.ndarray,
    distance: str = "cosine",
    *,
    rerank: Mapping[str, Any] | None = None,
) -> Iterator[DistanceBlock]:
    """Yield the distances of the queries of each action to the gallery of the same action.

    SoccerNet-ReID's identities hold inside one action only. Re-ranking, too, sees one action at a
    time. Queries of an action without gallery are in no block.

    Args:
        query_features: Shape (Q, D).
        gallery_features: Shape (G, D).
        query_actions: Shape (Q,).
        gallery_actions: Shape (G,).
        distance: See :func:`pairwise_distances`.
        rerank: Arguments of :func:`k_reciprocal_distances`.
    """
    galleries = _members(gallery_actions)
    for action, queries in _members(query_actions).items():
        if action not in galleries:
            continue
        gallery = galleries[action]
        blocks = distance_blocks(
            query_features[queries], gallery_features[gallery], distance, rerank=rerank
        )
        for block in blocks:
            yield DistanceBlock(queries[block.query_index], gallery, block.distances)


def rank_metrics(
    blocks: Iterable[DistanceBlock],
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    query_cameras: np.ndarray | None = None,
    gallery_cameras: np.ndarray | None = None,
    max_rank: int = 50,
) -> RankMetrics:
    """Score the ranking of the gallery by distance.

    With cameras this is the Market-1501 protocol: gallery images of the query's person AND camera
    are left out of its ranking; distractors (person 0) are wrong answers like any other; junk
    (:data:`MARKET1501_JUNK_ID`) has to be taken out of the gallery before. Equals torchreid's
    ``eval_market1501``. Without cameras, and with blocks per action, it is the SoccerNet protocol
    and equals ``SoccerNet.Evaluation.ReIdentification``, which stops with an error where ours
    reports a query as unmatched.

    mAP agrees with theirs to rounding. Their CMC is float32; ours is float64 and the same once it
    is cast to float32. torchreid cuts the curve at the size of the gallery, ours goes on flat.
    Equal distances rank as in numpy's default argsort of the query's distances, as in theirs: only
    rows in which a match ties with another person are sorted this way, for the rest it is enough
    to count the other persons that are nearer than each match.

    Args:
        blocks: Each query at most once.
        query_ids: Identities, shape (Q,).
        gallery_ids: Identities, shape (G,).
        query_cameras: Shape (Q,).
        gallery_cameras: Shape (G,), given if and only if ``query_cameras`` is.
        max_rank: Length of the CMC curve.

    Raises:
        DataFormatError: A distance is not finite, or no query has a match.
    """
    matched = np.zeros(len(query_ids), dtype=bool)
    precisions, first = [], []
    for block in blocks:
        ordered = _sorted_distances(block)
        persons = _members(gallery_ids[block.gallery_index])
        for row, query in enumerate(block.query_index):
            same_person = persons.get(int(query_ids[query]), _NOBODY)
            matches = same_person
            if query_cameras is not None:
                cameras = gallery_cameras[block.gallery_index[same_person]]
                matches = same_person[cameras != query_cameras[query]]
            if len(matches) == 0:
                continue
            positions = _match_positions(block.distances[row], ordered[row], matches, same_person)
            precisions.append(np.mean(np.arange(1, len(positions) + 1) / (positions + 1)))
            first.append(positions[0])
            matched[query] = True
    if not first:
        raise DataFormatError(
            f"none of the {len(query_ids)} queries has a match among the {len(gallery_ids)} "
            "gallery images; query and gallery must come from the same split"
        )
    cmc = np.searchsorted(np.sort(first), np.arange(max_rank), side="right") / len(first)
    return RankMetrics(float(np.mean(precisions)), cmc, np.flatnonzero(~matched))


def rank_gallery_per_action(
    blocks: Iterable[DistanceBlock],
    query_sample_ids: np.ndarray,
    gallery_sample_ids: np.ndarray,
) -> dict[str, list[int]]:
    """Return the ranking in the format of a SoccerNet-ReID submission.

    Its score by the official evaluation is that of :func:`rank_metrics`, ties included.

    Args:
        blocks: From :func:`action_distance_blocks`.
        query_sample_ids: ``bbox_idx`` of the queries, shape (Q,).
        gallery_sample_ids: ``bbox_idx`` of the gallery images, shape (G,).

    Returns:
        ``{query bbox_idx: [gallery bbox_idx of the same action, best first]}``.
    """
    ranking = {}
    for block in blocks:
        order = np.argsort(block.distances, axis=1)
        sample_ids = gallery_sample_ids[block.gallery_index]
        for query, best_first in zip(block.query_index, order, strict=True):
            ranking[str(query_sample_ids[query])] = sample_ids[best_first].tolist()
    return ranking


def validate_ranking(ranking: Mapping[str, list[int]], annotations: Mapping[str, Any]) -> None:
    """Check a submission by the rules of ``SoccerNet.Evaluation.ReIdentification``.

    Every query needs a ranking, made of whole numbers, with every gallery image of its action
    exactly once and no other. The identities, which the challenge split lacks, are not needed.

    Args:
        ranking: ``{query bbox_idx: [gallery bbox_idx, best first]}``.
        annotations: Content of ``<split>_bbox_info.json``.

    Raises:
        DataFormatError: A rule is broken; the message names the query and the gallery image.
    """
    gallery_of_action: dict[int, set[int]] = {}
    for info in annotations["gallery"].values():
        gallery_of_action.setdefault(info["action_idx"], set()).add(info["bbox_idx"])
    for query, info in annotations["query"].items():
        if query not in ranking:
            raise DataFormatError(
                f"query '{query}' has no ranking; a submission ranks all "
                f"{len(annotations['query'])} queries"
            )
        action = info["action_idx"]
        reason = _broken_rule(ranking[query], gallery_of_action.get(action, set()))
        if reason:
            raise DataFormatError(f"ranking of query '{query}' (action {action}): {reason}")


def _members(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Return the increasing indices at which each label stands."""
    if len(labels) == 0:
        return {}
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order])) + 1
    return {int(labels[group[0]]): group for group in np.split(order, starts)}


def _sorted_distances(block: DistanceBlock) -> np.ndarray:
    ordered = np.sort(block.distances, axis=1)
    # Sorting puts -inf first and inf and nan last.
    finite = np.isfinite(ordered[:, [0, -1]] if ordered.shape[1] else ordered).all(axis=1)
    if not finite.all():
        raise DataFormatError(
            f"query {block.query_index[np.argmin(finite)]} has a distance that is not finite; "
            "look for nan or infinity in the features"
        )
    return ordered


def _match_positions(
    distances: np.ndarray, ordered: np.ndarray, matches: np.ndarray, same_person: np.ndarray
) -> np.ndarray:
    """Return the increasing positions, from 0, of the matches in the ranking of one query.

    Args:
        distances: Of the query to the gallery, shape (G,).
        ordered: The same, sorted.
        matches: Indices of the gallery images to be found.
        same_person: These and the ones left out of the ranking.
    """
    own = np.sort(distances[same_person])
    found = np.sort(distances[matches])
    nearer = np.searchsorted(ordered, found) - np.searchsorted(own, found)
    not_farther = np.searchsorted(ordered, found, "right") - np.searchsorted(own, found, "right")
    if np.array_equal(nearer, not_farther):
        return nearer + np.arange(len(found))
    ranked = np.argsort(distances)
    ranked = ranked[~np.isin(ranked, np.setdiff1d(same_person, matches))]
    return np.flatnonzero(np.isin(ranked, matches))


def _broken_rule(ranked: list[int], expected: set[int]) -> str | None:
    seen: set[int] = set()
    for sample_id in ranked:
        if not isinstance(sample_id, int):
            return f"{sample_id!r} is no whole number but {type(sample_id).__name__}"
        if sample_id in seen:
            return f"gallery image {sample_id} is listed more than once"
        if sample_id not in expected:
            return f"{sample_id} is no gallery image of this action"
        seen.add(sample_id)
    missing = expected - seen
    return f"gallery image {min(missing)} is missing" if missing else None
