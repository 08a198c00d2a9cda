"""mAP-LocSim: against sskit on random frames and at its corners, and its figures of real frames."""

from __future__ import annotations

import contextlib
import io
import json
import math
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sskit.coco import LocSimCOCOeval
from xtcocotools.coco import COCO

from footmm.errors import DataFormatError
from footmm.evaluation.functional import (
    LOCSIM_THRESHOLDS,
    STAT_NAMES,
    LocSimFrame,
    LocSimScores,
    locsim,
    locsim_scores,
    match_athletes,
)
from footmm.pitch.camera import Camera
from footmm.pitch.frames import synloc_to_world

#: Square pixels: at the limits of COCO's ranges and between them.
AREAS = (0.0, 500.0, 32.0**2, 3000.0, 96.0**2, 20000.0)


def frame(positions, scores, true_positions, areas=500.0, true_areas=500.0, crowd=False):
    return LocSimFrame(
        np.array(positions, dtype=float).reshape(-1, 2),
        np.array(scores, dtype=float),
        np.broadcast_to(np.array(areas, dtype=float), len(scores)),
        np.array(true_positions, dtype=float).reshape(-1, 2),
        np.broadcast_to(np.array(true_areas, dtype=float), len(true_positions)),
        np.broadcast_to(np.array(crowd, dtype=bool), len(true_positions)),
    )


def random_frame(rng, size=6.0, step=0.0, crowd_share=0.0, most=12, score_step=0.0):
    """Athletes on ``size`` x ``size`` metres; positions and scores in multiples of the steps."""
    num_truths, num_detections = rng.integers(0, most, 2)
    truths = rng.uniform(0, size, (num_truths, 2))
    near = truths[rng.integers(0, num_truths, num_detections)] if num_truths else 0.0
    positions = near + rng.normal(0, 0.3, (num_detections, 2))
    scores = rng.uniform(size=num_detections)
    if step:
        truths, positions = np.round(truths / step) * step, np.round(positions / step) * step
    if score_step:
        scores = np.round(scores / score_step) * score_step
    areas, true_areas = rng.choice(AREAS, num_detections), rng.choice(AREAS, num_truths)
    crowd = rng.random(num_truths) < crowd_share
    return frame(positions, scores, truths, areas, true_areas, crowd)


def official(frames, tau=1.0, score_threshold=None):
    """Evaluate with sskit, whose image and annotation ids start at 0 here."""
    annotations, detections = [], []
    for image_id, item in enumerate(frames):
        common = {"image_id": image_id, "category_id": 1}
        truths = item.true_positions.tolist(), item.true_areas.tolist(), item.true_crowd.tolist()
        for where, area, crowd in zip(*truths, strict=True):
            values = {"position_on_pitch": where, "area": area, "iscrowd": int(crowd)}
            annotations.append({**common, **values, "id": len(annotations)})
        found = item.positions.tolist(), item.areas.tolist(), item.scores.tolist()
        for where, area, score in zip(*found, strict=True):
            values = {"position_on_pitch": where, "bbox": [0.0, 0.0, area, 1.0], "score": score}
            detections.append({**common, **values})
    images = [{"id": image_id} for image_id in range(len(frames))]
    truth = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
    return evaluate_officially(truth, detections, tau, score_threshold)


def evaluate_officially(truth, detections, tau=1.0, score_threshold=None):
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = LocSimCOCOeval(coco, coco.loadRes(detections), "bbox")
        evaluation.locsim_tau = tau
        if score_threshold is not None:
            evaluation.params.score_threshold = score_threshold
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def assert_equals_official(frames, **options):
    expected = official(frames, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = locsim_scores(frames, **options)
    assert_stats(scores, expected.stats)
    for name in ("precision", "recall", "f1", "scores"):
        np.testing.assert_allclose(
            getattr(scores, name), expected.eval[f"{name}_50"], rtol=0, atol=1e-12
        )
    return scores


def assert_stats(scores: LocSimScores, expected, tolerance=1e-9):
    assert tuple(scores.stats) == STAT_NAMES
    np.testing.assert_allclose(
        list(scores.stats.values()), np.array(expected, dtype=float), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"score_step": 0.25},
        {"step": 0.25, "size": 2.0},
        {"crowd_share": 0.3, "size": 2.0, "score_step": 0.25},
    ],
    ids=["plain", "tied_scores", "tied_locsim", "crowd"],
)
def test_equals_sskit_on_random_frames(seed, options):
    rng = np.random.default_rng(seed)
    frames = [random_frame(rng, **options) for _ in range(12)]
    assert 0 < assert_equals_official(frames).stats["AP"] < 1


def test_equals_sskit_with_other_settings():
    rng = np.random.default_rng(7)
    frames = [random_frame(rng) for _ in range(12)]
    for options in ({"tau": 0.5}, {"tau": 5.0}, {"score_threshold": 0.5}, {"score_threshold": 2}):
        assert_equals_official(frames, **options)


def test_equals_sskit_beyond_100_detections():
    """The right detections have the lowest scores, so that the limit of 100 bites."""
    rng = np.random.default_rng(8)
    frames = []
    for _ in range(3):
        truths = rng.uniform(0, 50, (30, 2))
        wrong = rng.uniform(60, 80, (85, 2))
        scores = np.round(np.concatenate([rng.uniform(0, 0.5, 30), rng.uniform(0.3, 1, 85)]), 2)
        frames.append(frame([*truths, *wrong], scores, truths))
    stats = assert_equals_official(frames).stats
    assert 0 < stats["AR100"] < 1
    assert stats["AR10"] == 0


def test_equals_sskit_in_a_crush():
    """Many detections and athletes within one metre: long chains of refusals."""
    rng = np.random.default_rng(9)
    frames = [
        frame(rng.uniform(0, 1, (60, 2)), rng.uniform(size=60), rng.uniform(0, 1, (25, 2)))
        for _ in range(3)
    ]
    assert_equals_official(frames)


SOMEBODY, NOWHERE = frame([(0, 0)], [0.8], [(0, 0)]), frame([], [], [])


@pytest.mark.parametrize(
    "frames",
    [
        [frame([(0, 0)], [0.8], [(5, 0)])],
        [SOMEBODY, frame([(0, 0)], [0.9], []), frame([], [], [(3, 3)]), NOWHERE],
        [NOWHERE, frame([(0, 0)], [0.5], [])],
        [frame([(0, 0), (0, 0.1)], [0.8, 0.7], [(0, 0)], crowd=True), SOMEBODY],
        [frame([(0, 0)], [0.8], [(0, 0)], crowd=True)],
        [frame([(0, 0)], [0.8], [(0, 0)], areas=20000.0)],
    ],
    ids=["all_wrong", "empty_on_one_side", "no_athlete", "crowd", "only_crowd", "areas_differ"],
)
def test_equals_sskit_at_the_corners(frames):
    assert_equals_official(frames)


def test_one_detection_by_hand():
    """Half of a metre's LocSim is exp(ln(0.05) / 4), between 0.45 and 0.5."""
    near = frame([(0.3, 0.0)], [0.8], [(0, 0)])
    similarity = math.exp(math.log(0.05) * 0.09)
    reached = sum(similarity >= threshold for threshold in LOCSIM_THRESHOLDS)
    assert reached == 6
    stats = locsim_scores([near]).stats
    assert stats["AP"] == pytest.approx(0.6, abs=1e-12)
    assert (stats["precision"], stats["recall"], stats["frame_accuracy"]) == (
        pytest.approx(1),
        1,
        1,
    )
    # The best F1 is at the last recall that is reached: half of the last score.
    assert stats["score_threshold"] == 0.4
    far = frame([(0.5, 0.0)], [0.8], [(0, 0)])
    assert locsim_scores([far]).stats["AP50"] == 0


def test_frame_accuracy_needs_a_higher_score_and_ignores_wrong_detections():
    frames = [
        frame([(0, 0), (9, 9)], [0.6, 0.9], [(0, 0)]),
        frame([(0, 0), (5, 5)], [0.6, 0.5], [(0, 0), (5, 5)]),
        NOWHERE,
    ]
    accuracy = [
        locsim_scores(frames, score_threshold=threshold).stats["frame_accuracy"]
        for threshold in (0.4, 0.5, 0.6)
    ]
    assert accuracy == [1, 0.5, 0]


def test_ties_of_scores_are_broken_in_the_order_of_the_frames():
    right, wrong = SOMEBODY, frame([(9, 9)], [0.8], [(0, 0)])
    assert locsim_scores([right, wrong]).stats["AP50"] > 0.5
    assert locsim_scores([wrong, right]).stats["AP50"] < 0.3


def test_detections_nowhere_match_nobody():
    truths = [(0, 0), (5, 5)]
    lost = [(math.nan, 0), (math.nan, math.nan), (math.inf, 0), (1e12, -1e12)]
    with_lost = frame([*lost, (5, 5)], [0.9, 0.8, 0.7, 0.6, 0.5], truths)
    far = frame([(50, 50)] * 4 + [(5, 5)], [0.9, 0.8, 0.7, 0.6, 0.5], truths)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert locsim_scores([with_lost]).stats == locsim_scores([far]).stats
        matched = match_athletes(with_lost.positions, with_lost.scores, with_lost.true_positions)
    assert matched.tolist() == [-1, -1, -1, -1, 1]


def test_nothing_at_all_has_no_frame_accuracy():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stats = locsim_scores([NOWHERE]).stats
    assert stats["AP"] == -1
    assert math.isnan(stats["frame_accuracy"])


def test_locsim_by_hand():
    similarities = locsim(np.array([0.0, 4.0, math.nan]), tau=2.0)
    assert similarities[:2] == pytest.approx([1, 0.05], abs=1e-12)
    assert math.isnan(similarities[2])


def test_matches_the_most_similar_free_athlete():
    truths = np.array([(0.0, 0.0), (0.4, 0.0), (9.0, 9.0)])
    detections = np.array([(0.15, 0.0), (0.1, 0.0), (0.05, 0.0), (3.0, 3.0)])
    scores = np.array([0.5, 0.9, 0.6, 0.8])
    assert match_athletes(detections, scores, truths).tolist() == [-1, 0, 1, -1]
    assert match_athletes(detections, scores, truths, min_locsim=0.9).tolist() == [-1, 0, -1, -1]
    assert match_athletes(detections, scores, truths, tau=50.0).tolist() == [-1, 0, 2, 1]
    limited = match_athletes(detections, scores, truths, max_detections=1)
    assert limited.tolist() == [-1, 0, -1, -1]
    assert match_athletes(truths, scores[:3], truths, min_locsim=1.0).tolist() == [0, 1, 2]


def test_a_match_may_have_just_the_least_locsim():
    where, truth = np.array([(0.3, 0.0)]), np.zeros((1, 2))
    similarity = float(locsim(where[0, 0] ** 2))
    assert match_athletes(where, np.ones(1), truth, similarity).tolist() == [0]
    assert match_athletes(where, np.ones(1), truth, similarity + 1e-12).tolist() == [-1]


def test_a_tie_of_locsim_takes_the_later_athlete():
    truths = np.array([(0.25, 0.0), (-0.25, 0.0), (1.0, 0.0)])
    assert match_athletes(np.zeros((1, 2)), np.ones(1), truths).tolist() == [1]


def test_matches_without_detections_or_athletes():
    some, none = np.zeros((2, 2)), np.zeros((0, 2))
    assert match_athletes(none, np.zeros(0), some).tolist() == []
    assert match_athletes(some, np.ones(2), none).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.ones(2)}, r"positions has the shape \(1, 2\), needs \(2, 2\)"),
        ({"areas": np.ones((1, 1))}, r"areas has the shape \(1, 1\), needs \(1,\)"),
        ({"true_positions": np.zeros((1, 3))}, r"true_positions has .* needs \(1, 2\)"),
        ({"true_crowd": np.zeros(0, dtype=bool)}, "true_crowd"),
        ({"scores": np.array([math.nan])}, "a score is nan"),
    ],
)
def test_refuses_arrays_that_do_not_fit(changes, message):
    with pytest.raises(DataFormatError, match=message):
        LocSimFrame(**{**vars(SOMEBODY), **changes})


def test_refuses_no_frames():
    with pytest.raises(DataFormatError, match="no frames"):
        locsim_scores([])


#: Modes of ``expected.json`` to where the positions come from and the settings of the evaluation.
MODES = {
    "position_on_pitch": ("position", {}),
    "position_on_pitch_tau5": ("position", {"tau": 5.0}),
    "position_on_pitch_threshold_0.5": ("position", {"score_threshold": 0.5}),
    "position_from_keypoint_index_1": (1, {}),
    "position_from_keypoint_index_1_tau5": (1, {"tau": 5.0}),
    "position_from_keypoint_index_0": (0, {}),
    "bbox_bottom_centre": ("bbox", {}),
}


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["tiny", "small", "medium", "crowded"])
def test_reproduces_the_figures_of_real_cameras(realdata, name):
    expected = json.loads((realdata / "synloc" / "expected.json").read_text())["sets"][name]
    assert expected.keys() == {"stats_names", *MODES}
    content = read_set(realdata / "synloc" / f"{name}.zip")
    for mode, (position_from, options) in MODES.items():
        scores = locsim_scores(official_frames(*content, position_from), **options)
        assert_stats(scores, expected[mode], 1e-9 if position_from == "position" else 1e-4)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["res", "perfect", "empty", "wrong", "fp_threshold_0.5"])
def test_reproduces_the_figures_of_the_readme(realdata, name):
    expected = json.loads((realdata / "synloc" / "expected.json").read_text())["readme_example"]
    detections = name.removesuffix("_threshold_0.5")
    content = read_set(realdata / "synloc" / "readme_example.zip", detections)
    threshold = 0.5 if detections != name else None
    assert_stats(locsim_scores(official_frames(*content), 1.0, threshold), expected[name])


def read_set(path, detections="res"):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("gt.json")), json.loads(archive.read(f"{detections}.json"))


def official_frames(truth, detections, position_from="position"):
    """Frames of official files in the order of their image ids."""
    athletes, found = ({image["id"]: [] for image in truth["images"]} for _ in range(2))
    for entries, by_image in ((truth["annotations"], athletes), (detections, found)):
        for entry in entries:
            by_image[entry["image_id"]].append(entry)
    return [
        official_frame(image, athletes[image["id"]], found[image["id"]], position_from)
        for image in sorted(truth["images"], key=lambda image: image["id"])
    ]


def official_frame(image, athletes, found, position_from):
    true_positions = positions_on_pitch(athletes)
    if position_from == "position":
        positions = positions_on_pitch(found)
    else:
        pixels = [image_position(entry, position_from) for entry in found]
        camera = Camera.from_synloc(image)
        positions = camera.image_to_ground(np.array(pixels).reshape(-1, 2)).numpy()
        true_positions = synloc_to_world(true_positions)
    return frame(
        positions,
        [entry["score"] for entry in found],
        true_positions,
        [math.prod(entry["bbox"][2:]) if "bbox" in entry else entry["area"] for entry in found],
        [entry["area"] for entry in athletes],
    )


def positions_on_pitch(entries):
    return np.array([entry["position_on_pitch"][:2] for entry in entries]).reshape(-1, 2)


def image_position(detection, position_from):
    if position_from == "bbox":
        left, top, width, height = detection["bbox"]
        return left + width / 2, top + height
    return detection["keypoints"][3 * position_from : 3 * position_from + 2]


@st.composite
def frame_sets(draw, **options):
    """Some frames, with or without ties of scores and of places, and crowds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    options = {
        "score_step": draw(st.sampled_from([0.0, 0.25])),
        "step": draw(st.sampled_from([0.0, 0.25])),
        "crowd_share": draw(st.sampled_from([0.0, 0.3])),
        "size": draw(st.sampled_from([2.0, 6.0])),
        "most": draw(st.integers(1, 7)),
    } | options
    return [random_frame(rng, **options) for _ in range(draw(st.integers(1, 4)))]


@given(frame_sets(), st.sampled_from([0.5, 1.0, 5.0]), st.sampled_from([None, 0.0, 0.5, 2.0]))
def test_equals_sskit_on_any_frames(frames, tau, score_threshold):
    """But without any detection, or athlete and detection, which sskit cannot score."""
    assume(any(len(item.scores) for item in frames))
    assert_equals_official(frames, tau=tau, score_threshold=score_threshold)


@given(frame_sets(score_step=0.0, step=0.0), st.floats(-3, 3), st.integers(0, 2**32 - 1))
def test_figures_know_neither_where_nor_an_order(frames, angle, seed):
    """All is turned and moved together; frames, detections and athletes come in another order."""
    rng = np.random.default_rng(seed)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = []
    for index in rng.permutation(len(frames)):
        item = frames[index]
        orders = rng.permutation(len(item.scores)), rng.permutation(len(item.true_areas))
        fields = {
            name: values[orders[name.startswith("true_")]] for name, values in vars(item).items()
        }
        for name in ("positions", "true_positions"):
            fields[name] = fields[name] @ turn + [30, -20]
        moved.append(LocSimFrame(**fields))
    stats = locsim_scores(moved).stats
    assert stats == pytest.approx(locsim_scores(frames).stats, abs=1e-9, nan_ok=True)


@given(frame_sets(crowd_share=0.0))
def test_the_truth_is_perfect_and_one_more_wrong_detection_no_better(frames):
    exact = [
        frame(item.true_positions, np.linspace(0.9, 0.5, len(item.true_areas)), item.true_positions)
        for item in frames
    ]
    # Who stands on the very place of another is found twice as well.
    stats = locsim_scores(exact).stats
    if any(len(item.true_areas) for item in frames):
        assert [stats[name] for name in ("AP", "AP50", "recall")] == pytest.approx([1, 1, 1])
        assert stats["frame_accuracy"] == 1
    wrong = frame([(500, 500)], [2.0], [])
    before, after = (locsim_scores(case).stats for case in (frames, [*frames, wrong]))
    for name in ("AP", "AP50", "AP75", "AR100"):
        assert after[name] <= before[name] + 1e-9


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(
    frame_sets(),
    st.floats(0.01, 1),
    st.floats(0.1, 5),
    st.sampled_from([math.nan, math.inf, 1e150]),
)
def test_matches_are_one_to_one_near_and_never_with_who_is_nowhere(frames, least, tau, anything):
    for item in frames:
        given_where = item.positions, item.scores, item.true_positions
        matched = match_athletes(*given_where, least, tau)
        hits = np.flatnonzero(matched >= 0)
        assert len(set(matched[hits].tolist())) == len(hits)
        errors = item.positions[hits] - item.true_positions[matched[hits]]
        similar = locsim(np.square(errors).sum(-1), tau)
        assert (similar >= min(least, 1 - 1e-9) - 1e-12).all()
        assert (similar <= 1).all()
        # A lower demand finds as many or more.
        assert (match_athletes(*given_where, least / 2, tau) >= 0).sum() >= len(hits)
        lost = np.full((1, 2), anything)
        joined = np.concatenate([lost, item.positions]), np.append(9.0, item.scores)
        again = match_athletes(*joined, item.true_positions, least, tau)
        assert again.tolist() == [-1, *matched.tolist()]


@given(st.lists(st.floats(0, 100), max_size=5).map(sorted), st.floats(0.1, 10))
def test_locsim_falls_from_one_to_zero(squared, tau):
    values = locsim(np.array(squared), tau)
    assert ((values >= 0) & (values <= 1)).all()
    assert (np.diff(values) <= 0).all()
    assert locsim(np.array(tau**2), tau) == pytest.approx(0.05)
