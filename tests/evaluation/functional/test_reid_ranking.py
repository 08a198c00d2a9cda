"""Scores by hand, against torchreid, and against SoccerNet's official evaluation."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footmm.errors import DataFormatError
from footmm.evaluation.functional import (
    DistanceBlock,
    action_distance_blocks,
    distance_blocks,
    pairwise_distances,
    rank_gallery_per_action,
    rank_metrics,
    validate_ranking,
)


def whole(distances):
    distances = np.asarray(distances)
    return [DistanceBlock(*(np.arange(n) for n in distances.shape), distances)]


def score(distances, *labels, **options):
    return rank_metrics(whole(distances), *map(np.asarray, labels), **options)


class TestByHand:
    def test_average_precision_and_cmc(self):
        # Ranking of persons: 7, 1, 1, 8, 1.
        scores = score([[2.0, 1.0, 4.0, 3.0, 5.0]], [1], [1, 7, 8, 1, 1], max_rank=3)
        assert scores.mean_average_precision == pytest.approx(
            (1 / 2 + 2 / 3 + 3 / 5) / 3, abs=1e-15
        )
        assert scores.cmc.tolist() == [0, 1, 1]
        assert scores.unmatched.tolist() == []

    def test_same_person_in_the_same_camera_is_left_out(self):
        # In order: person 1 in the query's camera, a distractor, person 1 in another camera.
        labels = [1], [1, 0, 1], [5], [5, 6, 6]
        scores = score([[0.0, 1.0, 2.0]], *labels, max_rank=2)
        assert scores.mean_average_precision == 0.5
        assert scores.cmc.tolist() == [0, 1]

    def test_another_person_in_the_same_camera_stays(self):
        scores = score([[0.0, 1.0]], [1], [2, 1], [5], [5, 6], max_rank=2)
        assert scores.cmc.tolist() == [0, 1]

    def test_queries_without_match_do_not_count(self):
        # The second query's person is missing, the third's is in its own camera only.
        distances = [[1.0, 2.0, 3.0]] * 3
        scores = score(distances, [1, 9, 2], [1, 2, 3], [0, 0, 0], [1, 0, 1], max_rank=1)
        assert scores.mean_average_precision == 1
        assert scores.unmatched.tolist() == [1, 2]

    def test_curve_is_flat_beyond_the_gallery(self):
        assert score([[1.0, 0.0]], [1], [1, 2], max_rank=4).cmc.tolist() == [0, 1, 1, 1]

    def test_no_match_at_all(self):
        with pytest.raises(DataFormatError, match="none of the 1 queries has a match among the 2"):
            score([[1.0, 0.0]], [3], [1, 2])

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_distances_must_be_finite(self, bad):
        with pytest.raises(DataFormatError, match="query 1 has a distance that is not finite"):
            score([[1.0, 0.0], [1.0, bad]], [1, 1], [1, 2])

    def test_blocks_do_not_change_the_scores(self):
        rng = np.random.default_rng(0)
        query, gallery = rng.normal(size=(10, 4)), rng.normal(size=(40, 4))
        labels = rng.integers(5, size=10), rng.integers(5, size=40)
        small = rank_metrics(distance_blocks(query, gallery, block_size=3), *labels)
        large = rank_metrics(distance_blocks(query, gallery), *labels)
        assert small.mean_average_precision == large.mean_average_precision
        assert small.cmc.tolist() == large.cmc.tolist()

    def test_reranking_is_scored(self):
        rng = np.random.default_rng(0)
        query, gallery = rng.normal(size=(3, 4)), rng.normal(size=(20, 4))
        (plain,) = distance_blocks(query, gallery)
        reranked = list(distance_blocks(query, gallery, rerank={"k1": 4}, block_size=2))
        assert [block.query_index.tolist() for block in reranked] == [[0, 1], [2]]
        assert reranked[0].distances.shape == (2, 20)
        assert not np.allclose(reranked[0].distances, plain.distances[:2])


class TestTorchreid:
    """Equality with ``eval_market1501`` on the same distances."""

    @pytest.fixture
    def peer(self):
        return pytest.importorskip("torchreid.reid.metrics.rank").eval_market1501

    def check(self, peer, distances, labels, max_rank=20):
        cmc, mean = peer(distances, labels[0], labels[1], labels[2], labels[3], max_rank)
        ours = score(distances, *labels, max_rank=max_rank)
        assert ours.mean_average_precision == pytest.approx(mean, abs=1e-9)
        assert np.array_equal(ours.cmc.astype(np.float32), cmc)

    def labels(self, rng, num_query, num_gallery, identities=15):
        # Identity 0 is a distractor; some identities are in the query only.
        return (
            rng.integers(1, identities + 3, num_query),
            rng.integers(0, identities, num_gallery),
            rng.integers(6, size=num_query),
            rng.integers(6, size=num_gallery),
        )

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("seed", range(5))
    def test_random_distances(self, peer, seed, dtype):
        rng = np.random.default_rng(seed)
        self.check(peer, rng.random((60, 400)).astype(dtype), self.labels(rng, 60, 400))

    @pytest.mark.parametrize("levels", [1, 2, 10, 100])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_tied_distances(self, peer, levels, dtype):
        rng = np.random.default_rng(levels)
        distances = rng.integers(levels, size=(60, 400)).astype(dtype)
        self.check(peer, distances, self.labels(rng, 60, 400))


def random_soccernet(seed, levels=None, num_actions=12):
    """Features and labels in the form of ``bbox_info.json``; whole-number features tie."""
    rng = np.random.default_rng(seed)
    infos = {"query": {}, "gallery": {}}
    for action in range(num_actions):
        persons = 100 * action + np.arange(rng.integers(2, 7))
        for role, repeats in (("query", 1), ("gallery", rng.integers(1, 5))):
            for person in np.tile(persons, repeats):
                index = len(infos[role])
                infos[role][str(index)] = {
                    "bbox_idx": index,
                    "action_idx": action,
                    "person_uid": int(person),
                }
    sizes = len(infos["query"]), len(infos["gallery"])
    if levels:
        return infos, [rng.integers(levels, size=(n, 2)).astype(float) for n in sizes]
    return infos, [rng.normal(size=(n, 8)).astype(np.float32) for n in sizes]


def columns(infos, key):
    return [np.array([i[key] for i in infos[role].values()]) for role in ("query", "gallery")]


def official(tmp_path, infos, ranking):
    from SoccerNet.Evaluation.ReIdentification import evaluate

    for name, content in (("infos.json", infos), ("ranking.json", ranking)):
        (tmp_path / name).write_text(json.dumps(content))
    return evaluate(str(tmp_path / "infos.json"), str(tmp_path / "ranking.json"))


class TestSoccerNet:
    @pytest.mark.parametrize(("seed", "levels"), [(0, None), (1, None), (2, 2), (3, 3), (4, 1)])
    def test_ranking_and_scores_equal_the_official_evaluation(self, tmp_path, seed, levels):
        infos, features = random_soccernet(seed, levels)
        actions = columns(infos, "action_idx")
        blocks = list(action_distance_blocks(*features, *actions, "euclidean"))
        ranking = rank_gallery_per_action(blocks, *columns(infos, "bbox_idx"))
        ours = rank_metrics(blocks, *columns(infos, "person_uid"))
        theirs = official(tmp_path, infos, ranking)
        assert ours.mean_average_precision == pytest.approx(theirs["mAP"], abs=1e-9)
        assert np.float32(ours.cmc[0]) == theirs["rank-1"]

    def test_ranking_by_hand(self):
        features = np.array([[0.0], [5.0]]), np.array([[4.0], [1.0], [0.5], [9.0]])
        actions = np.array([1, 2]), np.array([1, 1, 2, 3])
        blocks = action_distance_blocks(*features, *actions, "euclidean")
        ranking = rank_gallery_per_action(blocks, np.array([70, 71]), np.array([10, 11, 12, 13]))
        assert ranking == {"70": [11, 10], "71": [12]}

    def test_query_of_an_action_without_gallery_is_unmatched(self):
        features = np.array([[0.0], [5.0]]), np.array([[4.0]])
        blocks = action_distance_blocks(*features, np.array([1, 2]), np.array([1]), "euclidean")
        scores = rank_metrics(blocks, np.array([3, 3]), np.array([3]))
        assert scores.unmatched.tolist() == [1]

    def test_actions_are_reranked_alone(self):
        infos, features = random_soccernet(0)
        actions = columns(infos, "action_idx")
        block = next(action_distance_blocks(*features, *actions, rerank={"k1": 3, "k2": 2}))
        parts = features[0][block.query_index], features[1][block.gallery_index]
        (alone,) = distance_blocks(*parts, rerank={"k1": 3, "k2": 2})
        assert np.array_equal(block.distances, alone.distances)


class TestValidateRanking:
    """What the official evaluation accepts and refuses, ours does too."""

    @pytest.fixture
    def infos(self):
        return random_soccernet(5)[0]

    @pytest.fixture
    def ranking(self, infos):
        blocks = action_distance_blocks(*random_soccernet(5)[1], *columns(infos, "action_idx"))
        return rank_gallery_per_action(blocks, *columns(infos, "bbox_idx"))

    def test_accepts(self, tmp_path, infos, ranking):
        validate_ranking(ranking, infos)
        official(tmp_path, infos, ranking)

    def test_accepts_rankings_of_queries_that_nobody_asked_for(self, tmp_path, infos, ranking):
        ranking["99999"] = []
        validate_ranking(ranking, infos)
        official(tmp_path, infos, ranking)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda r: r.pop("3"), "query '3' has no ranking"),
            (lambda r: r["3"].pop(), r"query '3' \(action 0\): gallery image \d+ is missing"),
            (lambda r: r["3"].append(r["3"][0]), r"gallery image \d+ is listed more than once"),
            (lambda r: r["3"].append(r["20"][0]), r"\d+ is no gallery image of this action"),
            (lambda r: r["3"].append(10**6), "1000000 is no gallery image of this action"),
            (lambda r: r["3"].append("7"), "'7' is no whole number but str"),
            (lambda r: r["3"].append(7.0), "7.0 is no whole number but float"),
            (lambda r: r["3"].clear(), "gallery image 0 is missing"),
        ],
    )
    def test_refuses(self, tmp_path, infos, ranking, change, reason):
        change(ranking)
        with pytest.raises((KeyError, TypeError, ValueError)):
            official(tmp_path, infos, ranking)
        with pytest.raises(DataFormatError, match=reason):
            validate_ranking(ranking, infos)


def test_cosine_and_normalised_euclidean_rank_alike():
    features = np.random.default_rng(0).normal(size=(20, 5))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(
        2 * pairwise_distances(features, features),
        pairwise_distances(unit, unit, "euclidean"),
        atol=1e-12,
    )


@st.composite
def rankings(draw, levels=(2, 5, 1000)):
    """Distances ``(Q, G)`` of so many different values; persons and cameras of both."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    num_query, num_gallery = draw(st.integers(0, 4)), draw(st.integers(0, 7))
    distances = rng.integers(draw(st.sampled_from(levels)), size=(num_query, num_gallery)) / 8
    return distances, tuple(rng.integers(3, size=n) for n in (num_query, num_gallery) * 2)


def has_match(labels):
    query, gallery, query_cameras, gallery_cameras = labels
    return (query[:, None] == gallery) & (query_cameras[:, None] != gallery_cameras)


@given(rankings())
def test_scores_equal_torchreid_and_are_shares(ranking):
    """torchreid wants a match for some query, and all rankings to reach the last rank."""
    distances, labels = ranking
    matched = has_match(labels).any(1)
    if not matched.any():
        with pytest.raises(DataFormatError, match="has a match"):
            score(distances, *labels)
        return
    scores = score(distances, *labels, max_rank=7)
    assert scores.unmatched.tolist() == np.flatnonzero(~matched).tolist()
    assert 0 < scores.mean_average_precision <= 1
    assert (np.diff(scores.cmc) >= 0).all()
    assert scores.cmc[-1] == 1
    peer = pytest.importorskip("torchreid.reid.metrics.rank").eval_market1501
    cmc, mean = peer(distances, *labels, 1)
    assert scores.mean_average_precision == pytest.approx(mean, abs=1e-9)
    assert np.float32(scores.cmc[0]) == cmc


@given(rankings(levels=(10**6,)), st.integers(0, 2**32 - 1))
def test_scores_know_no_order_and_fall_with_a_wrong_image(ranking, seed):
    distances, labels = ranking
    if not has_match(labels).any():
        return
    scores = score(distances, *labels, max_rank=8)
    rng = np.random.default_rng(seed)
    query, gallery = (rng.permutation(n) for n in distances.shape)
    mixed = [column[order] for column, order in zip(labels, (query, gallery) * 2, strict=True)]
    again = score(distances[query][:, gallery], *mixed, max_rank=8)
    assert again.mean_average_precision == pytest.approx(scores.mean_average_precision)
    np.testing.assert_allclose(again.cmc, scores.cmc)
    # A stranger, nearer than everybody.
    worse = np.pad(distances, ((0, 0), (1, 0)), constant_values=-1.0)
    added = [np.append(99, column) if i % 2 else column for i, column in enumerate(labels)]
    found = score(worse, *added, max_rank=8)
    assert found.mean_average_precision < scores.mean_average_precision
    assert (found.cmc <= scores.cmc).all()
    perfect = np.where(labels[0][:, None] == labels[1], 0.0, 1.0)
    assert score(perfect, *labels).mean_average_precision == 1


@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(0, 6), st.integers(1, 3))
def test_blocks_hold_each_query_once_and_the_gallery_it_is_ranked_against(
    seed, num_query, num_gallery, block_size
):
    rng = np.random.default_rng(seed)
    query, gallery = rng.normal(size=(num_query, 3)), rng.normal(size=(num_gallery, 3))
    whole = pairwise_distances(query, gallery)
    blocks = list(distance_blocks(query, gallery, block_size=block_size))
    assert [n for block in blocks for n in block.query_index] == list(range(num_query))
    for block in blocks:
        np.testing.assert_allclose(block.distances, whole[block.query_index], atol=1e-12)
    actions = rng.integers(3, size=num_query), rng.integers(3, size=num_gallery)
    seen = []
    for block in action_distance_blocks(query, gallery, *actions):
        (action,) = {*actions[0][block.query_index]}
        assert block.gallery_index.tolist() == np.flatnonzero(actions[1] == action).tolist()
        expected = whole[block.query_index][:, block.gallery_index]
        np.testing.assert_allclose(block.distances, expected, atol=1e-12)
        seen.extend(block.query_index)
    assert sorted(seen) == np.flatnonzero(np.isin(actions[0], actions[1])).tolist()


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 2]), st.integers(1, 4))
def test_rankings_of_actions_are_valid_and_broken_ones_are_not(seed, levels, num_actions):
    infos, features = random_soccernet(seed, levels, num_actions)
    blocks = action_distance_blocks(*features, *columns(infos, "action_idx"))
    ranking = rank_gallery_per_action(blocks, *columns(infos, "bbox_idx"))
    validate_ranking(ranking, infos)
    assert ranking.keys() == infos["query"].keys()
    rng = np.random.default_rng(seed)
    broken = ranking[str(rng.integers(len(ranking)))]
    place = rng.integers(len(broken))
    broken[place : place + 1] = [[], [broken[place]] * 2, [-1], [None]][rng.integers(4)]
    with pytest.raises(DataFormatError, match="ranking of query"):
        validate_ranking(ranking, infos)
