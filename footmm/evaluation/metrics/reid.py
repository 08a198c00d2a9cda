"""Metrics of person re-identification."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation.functional import (
    DISTANCES,
    MARKET1501_JUNK_ID,
    RankMetrics,
    action_distance_blocks,
    distance_blocks,
    rank_metrics,
)
from footmm.registry import METRICS

#: What tells apart whom a query is ranked against, by protocol.
GROUP_KEYS = {"soccernet": "action_id", "market1501": "camera_id"}
RERANK_KEYS = {"k1", "k2", "lambda_value"}


@METRICS.register_module()
class ReIDMetrics(BaseMetric):
    """mAP and Rank-k of query images against gallery images.

    Query and gallery come in one dataset, told apart by ``role``. ``soccernet`` ranks a query
    against the gallery of its own action and equals ``SoccerNet.Evaluation.ReIdentification``.
    ``market1501`` ranks it against the whole gallery without junk and without the query's person
    in the query's camera, as torchreid does; queries without a match are left out and counted in
    the log. See :func:`footmm.evaluation.functional.rank_metrics` for the corners of both.

    A dataset without any identities (SoccerNet's challenge split) is not scored: the log says so,
    and the result is empty.

    Args:
        protocol: ``soccernet`` or ``market1501``.
        distance: ``cosine`` or ``euclidean``.
        feature: Field of the data samples that is compared, shape (D,).
        topk: Ranks at which the CMC curve is reported.
        rerank: Arguments ``k1``, ``k2``, ``lambda_value`` of k-reciprocal re-ranking; none without.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores; another metric on another feature needs
            another one.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: An argument has a value that is not named above.
    """

    default_prefix = "reid"

    def __init__(
        self,
        protocol: str = "soccernet",
        distance: str = "cosine",
        feature: str = "pred_feature",
        topk: Sequence[int] = (1, 5, 10),
        rerank: dict | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        _check_choice("protocol", protocol, GROUP_KEYS)
        _check_choice("distance", distance, DISTANCES)
        for key in rerank or ():
            _check_choice("key of rerank", key, RERANK_KEYS)
        if not topk or min(topk) < 1:
            raise ConfigError(f"ReIDMetrics: topk={topk!r} must hold ranks from 1 on")
        self.protocol = protocol
        self.distance = distance
        self.feature = feature
        self.topk = tuple(topk)
        self.rerank = rerank

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store feature and labels of each sample.

        Raises:
            DataFormatError: A sample lacks its role, its feature, or its action or camera.
        """
        self.results.extend(self._entry(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Return ``mAP`` and ``Rank-k`` as fractions.

        Raises:
            DataFormatError: A feature is not finite, or of another shape than others; query or
                gallery is empty; only some samples have an identity; or, in SoccerNet's protocol,
                a query has no match.
        """
        results = self._without_junk(results)
        _check_features(results)
        labelled = [entry["person_id"] is not None for entry in results]
        if not any(labelled):
            print_log(f"{self.prefix}: no identities in this split, nothing to score", "current")
            return {}
        if not all(labelled):
            raise DataFormatError(f"{_name(results[labelled.index(False)])} has no person_id")
        query = [entry for entry in results if entry["role"] == "query"]
        gallery = [entry for entry in results if entry["role"] == "gallery"]
        if not query or not gallery:
            raise DataFormatError(
                f"{len(query)} query and {len(gallery)} gallery images; both are needed"
            )
        scores = self._score(query, gallery)
        ranks = {f"Rank-{k}": float(scores.cmc[k - 1]) for k in self.topk}
        return {"mAP": scores.mean_average_precision, **ranks}

    def _entry(self, sample: dict) -> dict[str, Any]:
        group_key = GROUP_KEYS[self.protocol]
        for key in ("role", self.feature, group_key):
            if key not in sample:
                raise DataFormatError(
                    f"ReIDMetrics(protocol='{self.protocol}'): {_name(sample)} has no '{key}'; "
                    "look at the protocol, the test pipeline and the model of the config"
                )
        if sample["role"] not in ("query", "gallery"):
            raise DataFormatError(f"{_name(sample)} is '{sample['role']}', not query or gallery")
        return {
            "feature": sample[self.feature].float().cpu().numpy(),
            "role": sample["role"],
            "group": sample[group_key],
            "person_id": sample.get("person_id"),
            "sample_id": sample.get("sample_id"),
            "img_path": sample.get("img_path"),
        }

    def _without_junk(self, results: list[dict]) -> list[dict]:
        if self.protocol != "market1501":
            return results
        return [entry for entry in results if entry["person_id"] != MARKET1501_JUNK_ID]

    def _score(self, query: list[dict], gallery: list[dict]) -> RankMetrics:
        features = _column(query, "feature"), _column(gallery, "feature")
        persons = _column(query, "person_id"), _column(gallery, "person_id")
        groups = _column(query, "group"), _column(gallery, "group")
        max_rank = max(self.topk)
        if self.protocol == "soccernet":
            _check_matches(query, gallery)
            blocks = action_distance_blocks(*features, *groups, self.distance, rerank=self.rerank)
            return rank_metrics(blocks, *persons, max_rank=max_rank)
        blocks = distance_blocks(*features, self.distance, rerank=self.rerank)
        scores = rank_metrics(blocks, *persons, *groups, max_rank=max_rank)
        if len(scores.unmatched):
            print_log(
                f"{self.prefix}: {len(scores.unmatched)} of {len(query)} queries have no match in "
                "another camera and are left out",
                "current",
            )
        return scores


def _check_choice(name: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise ConfigError(
            f"ReIDMetrics: {name} '{value}' is unknown; choose from {', '.join(sorted(choices))}"
        )


def _column(entries: list[dict], key: str) -> np.ndarray:
    return np.array([entry[key] for entry in entries])


def _name(entry: dict) -> str:
    return f"sample {entry.get('sample_id')} ({entry.get('img_path')})"


def _check_features(results: list[dict]) -> None:
    for entry in results:
        shape, expected = entry["feature"].shape, results[0]["feature"].shape
        if shape != expected or len(shape) != 1:
            raise DataFormatError(
                f"the feature of {_name(entry)} has the shape {shape}, that of "
                f"{_name(results[0])} {expected}; all of them need (D,)"
            )
        if not np.isfinite(entry["feature"]).all():
            raise DataFormatError(
                f"the feature of {_name(entry)} holds nan or infinity; the model diverged, or its "
                "checkpoint is damaged"
            )


def _check_matches(query: list[dict], gallery: list[dict]) -> None:
    present = {(entry["group"], entry["person_id"]) for entry in gallery}
    for entry in query:
        if (entry["group"], entry["person_id"]) not in present:
            raise DataFormatError(
                f"query {_name(entry)}: person {entry['person_id']} is not in the gallery of "
                f"action {entry['group']}; the SoccerNet protocol needs a match for every query"
            )
