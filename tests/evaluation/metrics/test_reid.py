"""ReIDMetrics on tiny samples, and on real ones with the official numbers."""

import json
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.structures import ReIDDataSample
from mmengine.evaluator import Evaluator

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation import ReIDMetrics
from footmm.registry import METRICS


def sample(role, feature, field="pred_feature", **meta):
    result = ReIDDataSample(metainfo={"role": role, "img_path": f"{role}.png", **meta})
    result.set_field(torch.as_tensor(feature, dtype=torch.float32), field)
    return result


def soccernet(role, feature, action, person, sample_id=0):
    return sample(role, [feature, 1.0], action_id=action, person_id=person, sample_id=sample_id)


def market(role, feature, camera, person):
    return sample(role, [feature, 1.0], camera_id=camera, person_id=person, sample_id=0)


def evaluate(samples, **options):
    evaluator = Evaluator([ReIDMetrics(**options)])
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


def test_is_registered():
    metric = METRICS.build({"type": "ReIDMetrics", "protocol": "market1501"})
    assert isinstance(metric, ReIDMetrics)


def test_soccernet_ranks_inside_the_action():
    samples = [
        soccernet("query", 0.0, action=1, person=5),
        soccernet("gallery", 0.1, action=2, person=6),  # nearer, but of another action
        soccernet("gallery", 0.5, action=1, person=5),
        soccernet("gallery", 0.2, action=1, person=7),
    ]
    scores = evaluate(samples, distance="euclidean", topk=(1, 2))
    assert scores == {"reid/mAP": 0.5, "reid/Rank-1": 0.0, "reid/Rank-2": 1.0}


def test_market_leaves_out_camera_junk_and_unmatched():
    samples = [
        market("query", 0.0, camera=1, person=5),
        market("query", 0.0, camera=1, person=6),  # nobody to be found
        market("gallery", 0.0, camera=1, person=5),
        market("gallery", 0.1, camera=2, person=-1),
        market("gallery", 0.2, camera=2, person=0),
        market("gallery", 0.3, camera=2, person=5),
    ]
    scores = evaluate(samples, protocol="market1501", distance="euclidean")
    assert scores["reid/mAP"] == 0.5
    assert scores["reid/Rank-1"] == 0


def test_counts_unmatched_queries_in_the_log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        "footmm.evaluation.metrics.reid.print_log", lambda text, logger: lines.append(text)
    )
    samples = [market("query", 0.0, 1, person) for person in (5, 6, 7)]
    evaluate([*samples, market("gallery", 0.0, 2, 5)], protocol="market1501")
    assert lines == ["reid: 2 of 3 queries have no match in another camera and are left out"]


def test_another_feature_under_another_prefix():
    samples = [soccernet(role, 1.0, 1, 5) for role in ("query", "gallery")]
    for item in samples:
        item.color_histogram = torch.tensor([1.0, 2.0])
    metrics = [ReIDMetrics(), ReIDMetrics(feature="color_histogram", prefix="reid_color_histogram")]
    evaluator = Evaluator(metrics)
    evaluator.process(samples)
    scores = evaluator.evaluate(2)
    assert scores["reid/mAP"] == scores["reid_color_histogram/mAP"] == 1


def test_reranking_changes_the_scores():
    rng = np.random.default_rng(0)
    samples = [
        soccernet(role, float(rng.normal()), 1, int(person))
        for role in ("query", "gallery")
        for person in np.tile(np.arange(8), 3)
    ]
    plain = evaluate(samples, distance="euclidean")
    reranked = evaluate(
        samples, distance="euclidean", rerank={"k1": 4, "k2": 2, "lambda_value": 0.3}
    )
    assert plain["reid/mAP"] != reranked["reid/mAP"]


def test_split_without_identities_is_not_scored():
    samples = [sample(r, [1.0], action_id=1, sample_id=0) for r in ("query", "gallery")]
    assert evaluate(samples) == {}


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            [soccernet("query", 0, 7, 5, sample_id=42), soccernet("gallery", 0, 7, 6)],
            r"query sample 42 \(query.png\): person 5 is not in the gallery of action 7",
        ),
        (
            [soccernet("query", np.nan, 1, 5, sample_id=9), soccernet("gallery", 0, 1, 5)],
            r"feature of sample 9 \(query.png\) holds nan",
        ),
        ([soccernet("query", 0, 1, 5)], "1 query and 0 gallery images"),
        ([soccernet("train", 0, 1, 5)], "is 'train', not query or gallery"),
        ([market("query", 0, 1, 5)], "has no 'action_id'"),
        ([sample("query", [1.0], field="other", action_id=1)], "has no 'pred_feature'"),
        (
            [soccernet("query", 0, 1, 5), sample("gallery", [1.0, 1.0], action_id=1, sample_id=3)],
            r"sample 3 \(gallery.png\) has no person_id",
        ),
    ],
)
def test_bad_samples_are_named(samples, message):
    with pytest.raises(DataFormatError, match=message):
        evaluate(samples)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "cuhk"}, "protocol 'cuhk' is unknown; choose from market1501, soccernet"),
        ({"distance": "l1"}, "distance 'l1' is unknown; choose from cosine, euclidean"),
        ({"rerank": {"k3": 1}}, "key of rerank 'k3' is unknown"),
        ({"topk": ()}, r"topk=\(\) must hold ranks from 1 on"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        ReIDMetrics(**options)


@pytest.mark.realdata
class TestRealData:
    @pytest.fixture
    def folder(self, realdata):
        return realdata / "reid"

    @pytest.mark.parametrize("name", ["tiny", "small", "medium"])
    def test_soccernet(self, folder, name):
        expected = json.loads((folder / "expected.json").read_text())["soccernet"]["sets"][name]
        with zipfile.ZipFile(folder / f"soccernet_{name}.zip") as archive:
            infos = json.loads(archive.read("bbox_info.json"))
            with archive.open("features.npz") as file:
                features = dict(np.load(file))
        samples = [
            sample(role, feature, action_id=info["action_idx"], person_id=info["person_uid"])
            for role in ("query", "gallery")
            for info, feature in zip(infos[role].values(), features[role], strict=True)
        ]
        scores = evaluate(samples, distance="euclidean")
        assert scores["reid/mAP"] == pytest.approx(expected["mAP"], abs=1e-9)
        assert np.float32(scores["reid/Rank-1"]) == np.float32(expected["rank-1"])

    def test_market1501(self, folder):
        expected = json.loads((folder / "expected.json").read_text())["market1501_style"]
        data = np.load(folder / "soccertrack_crop_features.npz")
        samples = [
            sample(role, feature, person_id=int(name[:4]), camera_id=int(name[6]))
            for role in ("query", "gallery")
            for path, feature in zip(data[f"{role}_names"], data[role], strict=True)
            for name in [path.rpartition("/")[2]]
        ]
        topk = (1, 5, 10, 20)
        scores = evaluate(samples, protocol="market1501", distance="euclidean", topk=topk)
        assert scores["reid/mAP"] == pytest.approx(expected["mAP"], abs=1e-9)
        for k in topk:
            assert np.float32(scores[f"reid/Rank-{k}"]) == np.float32(expected["cmc"][f"rank-{k}"])


@st.composite
def random_samples(draw):
    """Pictures of a few persons in two actions by two cameras, each query with a match."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.integers(0, 2, (draw(st.integers(1, 3)), 2))
    both = [("query", *row, 0) for row in labels] + [("gallery", *row, 1) for row in labels]
    others = [("gallery", *row) for row in rng.integers(0, 2, (draw(st.integers(0, 4)), 3))]
    return [
        sample(role, rng.normal(size=4), action_id=action, person_id=person, camera_id=camera)
        for role, action, person, camera in both + others
    ]


@given(random_samples(), st.integers(0, 2**32 - 1), st.sampled_from(["soccernet", "market1501"]))
def test_order_batches_and_processes_make_no_difference(check_splits, samples, seed, protocol):
    def make():
        return ReIDMetrics(protocol)

    figures = check_splits(make, samples, np.random.default_rng(seed))
    ranks = [figures[f"reid/Rank-{k}"] for k in (1, 5, 10)]
    assert 0 <= ranks[0] <= ranks[1] <= ranks[2] <= 1
    assert 0 < figures["reid/mAP"] <= 1
    for item in samples:
        item.pred_feature = torch.eye(2)[item.person_id]
    assert set(check_splits(make, samples, np.random.default_rng(seed)).values()) == {1.0}


@given(st.data(), st.sampled_from(["soccernet", "market1501"]))
def test_broken_samples_are_refused(check_broken, data, protocol):
    """One of a query and its match."""
    meta = dict(action_id=1, person_id=5)
    query, match = (
        sample(role, [1.0, 2.0], camera_id=camera, **meta).to_dict()
        for camera, role in enumerate(["query", "gallery"])
    )

    class WithMatch(ReIDMetrics):
        def process(self, data_batch, data_samples):
            super().process(data_batch, [*data_samples, match])
            self.results, self.match = self.results[:-1], self.results[-1]

        def compute_metrics(self, results):
            return super().compute_metrics([*results, self.match])

    check_broken(lambda: WithMatch(protocol), query, data, optional=("person_id",))
