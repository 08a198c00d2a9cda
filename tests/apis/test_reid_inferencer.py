"""Persons who are told apart by the brightness of their pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import nn

import footmm.apis
from footmm.apis.frames import FrameReader
from footmm.apis.reid_inferencer import ReIDInferencer, rank_persons
from footmm.errors import ConfigError, DataFormatError
from footmm.registry import MODELS
from footmm.structures.person_embedding import PersonEmbedding


@MODELS.register_module()
class InferencerTestPersons(BaseModel):
    """Embeds the brightness of an image as an angle, tenths of degrees."""

    def __init__(self, attributes=True):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.attributes = attributes

    def forward(self, inputs, data_samples, mode):
        for image, sample in zip(inputs, data_samples, strict=True):
            assert image.shape == (3, 32, 16)
            color = int(image[0, 0, 0])
            angle = torch.deg2rad(torch.tensor(color / 10))
            sample.set_field(torch.stack([angle.cos(), angle.sin()]), "pred_feature")
            if self.attributes:
                sample.set_field(torch.eye(101)[color % 101], "pred_jersey")
                sample.set_field(torch.tensor([1.8, 1.1]), "pred_body_shape")
        return data_samples


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(InferencerTestPersons().state_dict(), path)
    pipeline = [
        dict(type="LoadImageFromFile"),
        dict(type="Resize", scale=(16, 32)),
        dict(type="PackReIDInputs"),
    ]

    def make(attributes=True, **options):
        model = dict(type="InferencerTestPersons", attributes=attributes)
        config = Config(dict(default_scope="footmm", model=model, test_pipeline=pipeline))
        return ReIDInferencer(config, path, "cpu", **options)

    return make


def crop(color, size=(20, 50)):
    return np.full((size[1], size[0], 3), color, np.uint8)


@pytest.fixture
def gallery(tmp_path):
    folder = tmp_path / "gallery"
    folder.mkdir()
    for color in (10, 90, 120, 200):
        cv2.imwrite(str(folder / f"{color}.png"), crop(color))
    return folder


def test_is_exported():
    assert footmm.apis.ReIDInferencer is ReIDInferencer


def test_a_result_for_each_picture(make, gallery):
    found = list(make()(gallery))
    assert [person.name for person in found] == ["10.png", "90.png", "120.png", "200.png"]
    angles = [np.rad2deg(np.arctan2(*person.embedding[::-1])) for person in found]
    assert angles == pytest.approx([1, 9, 12, 20])
    assert found[0].embedding.dtype == np.float32
    assert [int(person.jersey_scores.argmax()) for person in found] == [10, 90, 19, 99]
    assert (found[0].height, found[0].build) == (pytest.approx(1.8), pytest.approx(1.1))
    (person,) = make(attributes=False)(crop(30))
    assert (person.name, person.jersey_scores, person.height) == ("image_000000", None, None)


@pytest.mark.parametrize("attributes", [False, True])
def test_embeddings_are_written(make, gallery, tmp_path, attributes):
    found = list(make(attributes)(gallery, out_dir=tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["embeddings.npz"]
    with np.load(tmp_path / "out" / "embeddings.npz") as content:
        assert content["complete"]
        assert content["name"].tolist() == [person.name for person in found]
        np.testing.assert_array_equal(content["embedding"], [p.embedding for p in found])
        assert ("jersey_scores" in content, "build" in content) == (attributes, attributes)
    with make()(gallery, batch_size=1, out_dir=tmp_path / "out") as some:
        next(some)
    with np.load(tmp_path / "out" / "embeddings.npz") as content:
        assert not content["complete"]
        assert content["name"].tolist() == ["10.png"]


def test_ranking(make, gallery, tmp_path):
    out = tmp_path / "out"
    ranking = make(num_nearest=3).rank([crop(100), crop(15)], gallery, out_dir=out)
    assert ranking.query == ("image_000000", "image_000001")
    assert ranking.names(0) == ["90.png", "120.png", "10.png"]
    assert ranking.names(1) == ["10.png", "90.png", "120.png"]
    assert ranking.order.tolist() == [[1, 2, 0], [0, 1, 2]]
    expected = 1 - np.cos(np.deg2rad([[1, 2, 9], [0.5, 7.5, 10.5]]))
    np.testing.assert_allclose(ranking.distances, expected, atol=1e-6)
    lines = (out / "ranking.csv").read_text().splitlines()
    assert lines[:3] == [
        "query,rank,gallery,distance",
        "image_000000,1,90.png,0.000152",
        "image_000000,2,120.png,0.000609",
    ]
    assert len(lines) == 7
    with np.load(out / "embeddings.npz") as content:
        assert content["role"].tolist() == ["query"] * 2 + ["gallery"] * 4
    picture = cv2.imread(str(out / "ranking.png"))
    # The queries, which are in no file, and the nearest picture of each, in grey frames.
    cells = [
        picture[180 + 224 * row, 72 + column].tolist() for row in (0, 1) for column in (0, 140)
    ]
    assert cells == [[100] * 3, [90] * 3, [15] * 3, [10] * 3]


def test_a_picture_that_is_also_in_the_gallery_comes_first(make, gallery):
    ranking = make(distance="euclidean").rank(gallery / "90.png", gallery)
    assert ranking.names(0)[0] == "90.png"
    assert ranking.order.shape == (1, 4)
    assert ranking.distances[0, 0] == pytest.approx(0, abs=1e-6)


def test_the_ranking_is_shown(make, gallery, monkeypatch):
    shown = []
    window = type("Window", (), {"show": lambda self, picture: shown.append(picture)})
    monkeypatch.setattr("footmm.apis.inferencer.PictureWindow", window)
    make().rank(crop(100), gallery, show=True)
    assert len(shown) == 1
    list(make()(gallery, show=True))
    assert len(shown) == 5
    assert shown[1].shape == (384 + 3 * 22 + 10, 320, 3)
    assert (shown[1][300, 160] == 10).all()


def test_what_cannot_be_ranked(make, gallery, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(DataFormatError, match="the query holds no picture that can be read"):
        make().rank(tmp_path / "broken.png", gallery)
    with pytest.raises(ConfigError, match="pictures of an iterator cannot be read again"):
        make().rank(iter([crop(1)]), gallery, out_dir=tmp_path / "out")
    assert make().rank(iter([crop(100)]), gallery).names(0)[0] == "90.png"
    with pytest.raises(ConfigError, match="batch_size is 0"):
        make().rank(crop(1), gallery, batch_size=0)
    with pytest.raises(ConfigError, match="overwrite=True"):
        make().rank(crop(1), gallery, out_dir=gallery)


def test_wrong_settings(make):
    with pytest.raises(ConfigError, match="distance='far' has to be one of cosine, euclidean"):
        make(distance="far")
    with pytest.raises(ConfigError, match="num_nearest=0 at least 1"):
        make(num_nearest=0)


def test_blocks_of_many_queries():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1100, 8)).astype(np.float32)
    persons = [PersonEmbedding(str(number), row) for number, row in enumerate(features)]
    ranking = rank_persons(persons, persons[:700], num_nearest=2)
    assert ranking.order.shape == (1100, 2)
    assert ranking.order[:700, 0].tolist() == list(range(700))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    best = (unit[700:] @ unit[:700].T).argmax(1)
    assert ranking.order[700:, 0].tolist() == best.tolist()


def test_pictures_are_read_while_they_are_needed(make):
    reader = FrameReader([crop(1), crop(2)])
    found = make()(reader, batch_size=1)
    assert next(found).name == "image_000000"
