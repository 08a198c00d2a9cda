"""mAP-LocSim, SynLoc's score of athletes on the pitch, with precision, recall and frame accuracy.

LocSim of two positions at a distance of d metres is ``exp(ln(0.05) d² / tau²)``. Within an image
the detections, the surest first and 100 at most, each take the most similar athlete that is still
free, if their LocSim reaches a threshold; average precision is taken at 101 recalls and averaged
over ten thresholds, as in COCO.

Source: ``sskit.coco.LocSimCOCOeval`` of sskit 0.6.0 on xtcocotools 1.14.3, whose ``stats`` these
functions reproduce to 1e-9, with these corners:

* The score threshold lies midway between the scores at two neighbouring recalls, and at HALF the
  score where the best F1 is that of the last recall reached. Precision, recall and F1 are those of
  a recall in whole percent. A threshold above all scores takes them from recall 1.
* Without any detection recall is 1 and precision and F1 are 0; if all are wrong F1 is nan.
* Without any athlete recall is 1, F1 minus infinity, and all else but frame accuracy -1.
* Frame accuracy is the share of images with as many matched detections above the threshold as
  there are annotations, crowds included on both sides; detections without a match do not count, and
  images with neither annotations nor detections are left out.
* Of two athletes at the same LocSim the one listed later is taken.
* Crowds, which take any number of detections, and athletes whose area is outside of an area range
  are only taken for want of others. Such a match counts neither as right nor as wrong, and no more
  does an unmatched detection whose own area is outside.

Where sskit fails or takes what is no position, we differ: frame accuracy without any athlete or
detection is nan (sskit divides by zero), and a detection at nan matches nobody (in sskit the last
athlete of the image).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from footmm.errors import DataFormatError
from footmm.structures.localised_athletes import LocalisedAthletes

#: The version of sskit whose figures these are; state it beside them.
SSKIT_VERSION = "0.6.0"
#: Metres at which LocSim is 0.05.
LOCSIM_TAU = 1.0
LOCSIM_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
#: Detections of an image that count.
MAX_DETECTIONS = 100
STAT_NAMES = (
    *("AP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
    *("precision", "recall", "f1", "score_threshold", "frame_accuracy"),
)

_LOG_AT_TAU = float(np.log(0.05))
#: Square pixels, both limits included.
_AREA_RANGES = {
    "all": (0, 1e5**2),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 1e5**2),
}
_RECALLS = np.linspace(0.0, 1.0, 101)
#: COCO asks for this much where a threshold is 1.
_HIGHEST_THRESHOLD = 1 - 1e-10
_DETECTION_LIMITS = (1, 10, MAX_DETECTIONS)


@dataclass(frozen=True, eq=False)
class LocSimFrame:
    """Detected and true athletes of one image, in any frame of reference in metres.

    Attributes:
        positions: ``(D, 2)``; nan or infinite where a detection is nowhere on the ground.
        scores: ``(D,)``.
        areas: ``(D,)``, of the detected boxes, square pixels.
        true_positions: ``(G, 2)``.
        true_areas: ``(G,)``, as annotated, square pixels.
        true_crowd: ``(G,)``, bool, whether an annotation stands for a crowd.

    Raises:
        DataFormatError: The arrays do not fit each other, or a score is nan.
    """

    positions: np.ndarray
    scores: np.ndarray
    areas: np.ndarray
    true_positions: np.ndarray
    true_areas: np.ndarray
    true_crowd: np.ndarray

    @classmethod
    def of(cls, athletes: LocalisedAthletes, positions: np.ndarray) -> LocSimFrame:
        """Compare detections at positions ``(D, 2)`` with the truth of an annotated image."""
        left, top, right, bottom = athletes.bboxes.T
        truth = athletes.truth
        return cls(
            positions,
            athletes.scores,
            (right - left) * (bottom - top),
            truth.positions,
            truth.areas,
            truth.crowd,
        )

    def __post_init__(self) -> None:
        for count, names in (
            (len(self.scores), ("positions", "scores", "areas")),
            (len(self.true_areas), ("true_positions", "true_areas", "true_crowd")),
        ):
            for name in names:
                shape = (count, 2) if name.endswith("positions") else (count,)
                if np.shape(getattr(self, name)) != shape:
                    raise DataFormatError(
                        f"{name} has the shape {np.shape(getattr(self, name))}, needs {shape}"
                    )
        if np.isnan(self.scores).any():
            raise DataFormatError(
                "a score is nan; the model diverged, or its checkpoint is damaged"
            )


@dataclass(frozen=True, eq=False)
class LocSimScores:
    """Scores of a data set, as ``LocSimCOCOeval`` has them.

    Attributes:
        stats: By :data:`STAT_NAMES`; average precision and recall are -1 where no athlete has an
            area of the range.
        precision: ``(101,)``, at LocSim 0.5 and :attr:`recall`, never rising.
        recall: ``(101,)``, 0 to 1.
        f1: ``(101,)``; nan where precision and recall are 0.
        scores: ``(101,)``, of the detections at which a recall is reached, 0 where it never is.
    """

    stats: dict[str, float]
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    scores: np.ndarray


def locsim(squared_distances: np.ndarray, tau: float = LOCSIM_TAU) -> np.ndarray:
    """Return LocSim of squared distances: 1 at distance 0, 0.05 at distance ``tau``.

    Args:
        squared_distances: Any shape, square metres.
        tau: Metres.

    Returns:
        The same shape.
    """
    return np.exp(_LOG_AT_TAU * squared_distances / tau**2)


def match_athletes(
    positions: np.ndarray,
    scores: np.ndarray,
    true_positions: np.ndarray,
    min_locsim: float = LOCSIM_THRESHOLDS[0],
    tau: float = LOCSIM_TAU,
    max_detections: int = MAX_DETECTIONS,
) -> np.ndarray:
    """Match the detections of an image to its athletes, as the score does.

    Args:
        positions: ``(D, 2)``, metres; nan matches nobody.
        scores: ``(D,)``.
        true_positions: ``(G, 2)``, metres.
        min_locsim: What a match needs at least; above 0, at most 1.
        tau: Metres at which LocSim is 0.05.
        max_detections: Those with the highest scores that may match.

    Returns:
        ``(D,)``, int64: the number of the athlete, or -1.
    """
    order = _by_score(np.asarray(scores), max_detections)
    least = min(min_locsim, _HIGHEST_THRESHOLD)
    near = _near_pairs(np.asarray(positions)[order], np.asarray(true_positions), least, tau)
    nobody = np.zeros(len(true_positions), dtype=bool)
    pairs = _Pairs(*near[:2], locsim(near[2], tau)).preferred(ignored=nobody)
    taken = pairs.matches(least, crowd=nobody)
    matched = np.full(len(positions), -1, dtype=np.int64)
    matched[order[taken.detections]] = taken.truths
    return matched


def locsim_scores(
    frames: Sequence[LocSimFrame],
    tau: float = LOCSIM_TAU,
    score_threshold: float | None = None,
) -> LocSimScores:
    """Score the detections of a data set.

    Args:
        frames: In the order of their image ids, in which sskit ranks detections of equal scores.
        tau: Metres at which LocSim is 0.05.
        score_threshold: At which precision, recall, F1 and frame accuracy are taken; None takes
            the one with the best F1 on these very frames.

    Raises:
        DataFormatError: There are no frames.
    """
    if not frames:
        raise DataFormatError("no frames to score: mAP-LocSim is one over frames")
    data = _DataSet.of(frames, tau)
    ranges = {name: _range_scores(data, limits) for name, limits in _AREA_RANGES.items()}
    precision, scores = ranges["all"].precision[0], ranges["all"].scores[0]
    # 0 / 0 and -2 / 0, which are nan and infinite in sskit as well.
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = 2 * precision * _RECALLS / (precision + _RECALLS)
    threshold = _best_threshold(f1, scores) if score_threshold is None else score_threshold
    # The last recall that is reached by the threshold; -1, which is recall 1, if none is.
    index = np.searchsorted(-scores, -threshold, side="right") - 1
    stats = (
        *_average_stats(ranges),
        *(precision[index], _RECALLS[index], f1[index]),
        *(threshold, _frame_accuracy(data, threshold)),
    )
    named = {name: float(value) for name, value in zip(STAT_NAMES, stats, strict=True)}
    return LocSimScores(named, precision, _RECALLS.copy(), f1, scores)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Detections and athletes of the same image that are near enough to match.

    Attributes:
        detections: ``(P,)``, numbers; a lower number chooses first.
        truths: ``(P,)``, numbers.
        locsims: ``(P,)``.
    """

    detections: np.ndarray
    truths: np.ndarray
    locsims: np.ndarray

    def take(self, which: np.ndarray) -> _Pairs:
        """Select pairs by a mask or by their numbers."""
        return _Pairs(self.detections[which], self.truths[which], self.locsims[which])

    def joined(self, other: _Pairs) -> _Pairs:
        """Return these and other pairs."""
        return _Pairs(
            np.concatenate([self.detections, other.detections]),
            np.concatenate([self.truths, other.truths]),
            np.concatenate([self.locsims, other.locsims]),
        )

    def disputed(self) -> np.ndarray:
        """Return whether the detection or the athlete is in another pair, too, ``(P,)``, bool."""
        has_rival = np.bincount(self.truths)[self.truths] > 1
        return has_rival | (np.bincount(self.detections)[self.detections] > 1)

    def preferred(self, ignored: np.ndarray) -> _Pairs:
        """Order the pairs by detection, and those of a detection as it prefers them.

        Args:
            ignored: ``(M,)``, bool: athletes that are only taken for want of others.
        """
        keys = (-self.truths, -self.locsims, ignored[self.truths], self.detections)
        return self.take(np.lexsort(keys))

    def matches(self, least: float, crowd: np.ndarray) -> _Pairs:
        """Match as COCO does, from pairs that are ordered by preference.

        There one detection after the other takes the first athlete on its list that is free. Here
        all of them ask at once, each athlete keeps the detection that chooses first, and the others
        ask the next on their lists, where they may displace one that chooses later. It ends alike.

        Args:
            least: LocSim of a match.
            crowd: ``(M,)``, bool: athletes that are never taken.

        Returns:
            The matches by rising number of the detection.
        """
        near = self.take(self.locsims >= least)
        numbers = np.arange(len(near.truths))
        # A crowd is somebody else to everyone who asks.
        asked = np.where(crowd[near.truths], len(crowd) + numbers, near.truths)
        kept = np.empty(len(crowd) + len(numbers), dtype=np.int64)
        owners = np.append(near.detections, -1)
        current = np.flatnonzero(np.diff(near.detections, prepend=-1))
        while True:
            # Of those who ask the same the last one written stays.
            kept[asked[current[::-1]]] = current[::-1]
            refused = kept[asked[current]] != current
            if not refused.any():
                return near.take(current)
            following = current + refused
            current = following[owners[following] == owners[current]]


@dataclass(frozen=True, eq=False)
class _DataSet:
    """All images together; detections are numbered by falling score, athletes image by image.

    Attributes:
        scores: ``(N,)``, falling.
        areas: ``(N,)``, square pixels.
        images: ``(N,)``, number of the image.
        ranks: ``(N,)``, place of the detection in its image, from 0.
        true_areas: ``(M,)``, square pixels.
        true_crowd: ``(M,)``, bool.
        num_truths: ``(F,)``, athletes of each image.
        sole_pairs: Those that match at the lowest threshold, if they are the only ones for both.
        disputed_pairs: The others that match at the lowest threshold, if the athlete is free.
    """

    scores: np.ndarray
    areas: np.ndarray
    images: np.ndarray
    ranks: np.ndarray
    true_areas: np.ndarray
    true_crowd: np.ndarray
    num_truths: np.ndarray
    sole_pairs: _Pairs
    disputed_pairs: _Pairs

    @classmethod
    def of(cls, frames: Sequence[LocSimFrame], tau: float) -> _DataSet:
        """Number the detections that count and find the pairs of all images."""
        orders = [_by_score(frame.scores, MAX_DETECTIONS) for frame in frames]
        counted = list(zip(frames, orders, strict=True))
        scores = np.concatenate([frame.scores[order] for frame, order in counted])
        areas = np.concatenate([frame.areas[order] for frame, order in counted])
        images = np.repeat(np.arange(len(frames)), [len(order) for order in orders])
        ranks = np.concatenate([np.arange(len(order)) for order in orders])
        by_score = _by_score(scores)
        numbers = np.empty_like(by_score)
        numbers[by_score] = np.arange(len(by_score))
        pairs = _all_pairs(frames, orders, tau)
        pairs = replace(pairs, detections=numbers[pairs.detections])
        disputed = pairs.disputed()
        return cls(
            scores[by_score],
            areas[by_score],
            images[by_score],
            ranks[by_score],
            np.concatenate([frame.true_areas for frame in frames]),
            np.concatenate([frame.true_crowd for frame in frames]).astype(bool),
            np.array([len(frame.true_areas) for frame in frames]),
            pairs.take(~disputed),
            pairs.take(disputed),
        )

    def ignored(self, limits: tuple[float, float]) -> np.ndarray:
        """Return which athletes nobody has to find, ``(M,)``, bool."""
        return self.true_crowd | _is_outside(self.true_areas, limits)

    def matches(self, ignored: np.ndarray, thresholds: Sequence[float]) -> Iterator[_Pairs]:
        """Yield the matches at thresholds of LocSim, in any order."""
        disputed = self.disputed_pairs.preferred(ignored)
        for least in thresholds:
            sole = self.sole_pairs.take(self.sole_pairs.locsims >= least)
            yield sole.joined(disputed.matches(least, self.true_crowd))


@dataclass(frozen=True, eq=False)
class _RangeScores:
    """Scores over the athletes whose area is in a range; -1 where there are none.

    Attributes:
        precision: ``(T, 101)``, at the thresholds of LocSim and the recalls.
        scores: ``(T, 101)``, of the detections at which the recalls are reached.
        recall: ``(T, 3)``, with the surest 1, 10, 100 detections of an image.
    """

    precision: np.ndarray
    scores: np.ndarray
    recall: np.ndarray


def _range_scores(data: _DataSet, limits: tuple[float, float]) -> _RangeScores:
    ignored, outside = data.ignored(limits), _is_outside(data.areas, limits)
    num_wanted = np.count_nonzero(~ignored)
    shape = len(LOCSIM_THRESHOLDS), len(_RECALLS)
    precision, scores = np.full(shape, -1.0), np.full(shape, -1.0)
    recall = np.full((shape[0], len(_DETECTION_LIMITS)), -1.0)
    if not num_wanted:
        return _RangeScores(precision, scores, recall)
    for row, taken in enumerate(data.matches(ignored, LOCSIM_THRESHOLDS)):
        is_right = np.zeros(len(data.scores), dtype=bool)
        is_right[taken.detections] = ~ignored[taken.truths]
        counts = ~outside
        counts[taken.detections] = is_right[taken.detections]
        hits = np.flatnonzero(is_right)
        reaching = np.searchsorted(np.arange(1, len(hits) + 1) / num_wanted, _RECALLS)
        precision[row] = _best_precisions(hits, counts)[reaching]
        scores[row] = _scores_at(data.scores, hits, reaching)
        recall[row] = [np.count_nonzero(data.ranks[hits] < k) for k in _DETECTION_LIMITS]
    return _RangeScores(precision, scores, recall / num_wanted)


def _best_precisions(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the best precision from each right detection on, and 0 behind the last one.

    Args:
        hits: ``(H,)``, numbers of the right detections, rising.
        counts: ``(N,)``, bool: detections that are right or wrong.

    Returns:
        ``(H + 1,)``.
    """
    right = np.arange(1, len(hits) + 1)
    precision = right / (np.cumsum(counts)[hits] + np.spacing(1))
    return np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)


def _scores_at(scores: np.ndarray, hits: np.ndarray, reaching: np.ndarray) -> np.ndarray:
    """Return the scores at which recalls are reached, ``(101,)``; 0 where they never are."""
    numbers = np.append(hits, len(scores))[reaching]
    # Recall 0 is reached by the first detection, right or wrong.
    numbers[0] = 0
    return np.append(scores, 0.0)[numbers]


def _average_stats(ranges: Mapping[str, _RangeScores]) -> tuple[float, ...]:
    """Return the first twelve of :data:`STAT_NAMES`."""
    every = ranges["all"]
    sizes = [ranges[name] for name in ("small", "medium", "large")]
    return (
        np.mean(every.precision),
        np.mean(every.precision[LOCSIM_THRESHOLDS.index(0.5)]),
        np.mean(every.precision[LOCSIM_THRESHOLDS.index(0.75)]),
        *(np.mean(size.precision) for size in sizes),
        *np.mean(every.recall, axis=0),
        *(np.mean(size.recall[:, -1]) for size in sizes),
    )


def _best_threshold(f1: np.ndarray, scores: np.ndarray) -> float:
    """Return the middle of the score of the best F1, or of the first nan, and the next one."""
    best = f1.argmax()
    return (scores[best] + np.append(scores, 0.0)[best + 1]) / 2


def _frame_accuracy(data: _DataSet, threshold: float) -> float:
    ignored = data.ignored(_AREA_RANGES["all"])
    matched = next(data.matches(ignored, LOCSIM_THRESHOLDS)).detections
    sure = matched[data.scores[matched] > threshold]
    num_images = len(data.num_truths)
    num_found = np.bincount(data.images[sure], minlength=num_images)
    counts = (data.num_truths > 0) | (np.bincount(data.images, minlength=num_images) > 0)
    if not counts.any():
        return math.nan
    return np.mean(num_found[counts] == data.num_truths[counts])


def _all_pairs(frames: Sequence[LocSimFrame], orders: Sequence[np.ndarray], tau: float) -> _Pairs:
    """Find the pairs of all images.

    Args:
        frames: The images.
        orders: The detections that count, in the order in which they are numbered.
        tau: Metres at which LocSim is 0.05.
    """
    near = [
        _near_pairs(frame.positions[order], frame.true_positions, LOCSIM_THRESHOLDS[0], tau)
        for frame, order in zip(frames, orders, strict=True)
    ]
    detections, truths, squared = (np.concatenate(column) for column in zip(*near, strict=True))
    images = np.repeat(np.arange(len(frames)), [len(pairs[0]) for pairs in near])
    first_detections = _starts([len(order) for order in orders])
    first_truths = _starts([len(frame.true_areas) for frame in frames])
    return _Pairs(
        detections + first_detections[images], truths + first_truths[images], locsim(squared, tau)
    )


def _near_pairs(
    positions: np.ndarray, true_positions: np.ndarray, least: float, tau: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return detections, athletes and squared distances ``(P,)`` of pairs from a LocSim on."""
    # Rounding must not lose a pair: matching looks at LocSim itself.
    reach = tau**2 * math.log(least) / _LOG_AT_TAU * (1 + 1e-9)
    squared = np.square(true_positions[:, 0] - positions[:, :1])
    squared += np.square(true_positions[:, 1] - positions[:, 1:])
    detections, truths = np.nonzero(squared <= reach)
    return detections, truths, squared[detections, truths]


def _by_score(scores: np.ndarray, count: int | None = None) -> np.ndarray:
    """Return the numbers of the highest scores, those of equal ones in their order."""
    return np.argsort(-scores, kind="stable")[:count]


def _starts(counts: Sequence[int]) -> np.ndarray:
    return np.cumsum(counts) - counts


def _is_outside(areas: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (areas < limits[0]) | (areas > limits[1])
