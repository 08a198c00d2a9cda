from __future__ import annotations

import logging
import pickle

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from footmm.datasets.reid.base import ReIDDataset, find_images
from footmm.datasets.transforms import LoadImageFromFile, PackReIDInputs
from footmm.errors import ConfigError, DataFormatError


class TinyReIDDataset(ReIDDataset):
    """Six images of the persons 30, 10 and 20, three, two and one."""

    SPLITS = ("train", "test")

    def load_data_list(self):
        persons = (30, 10, 30, 20, 10, 30)
        return [
            {
                "img_path": f"{self.data_root}/{i}.png",
                "person_id": p,
                "sample_id": i,
                "role": "train",
            }
            for i, p in enumerate(persons)
        ]


@pytest.fixture
def folder(tmp_path):
    for i in range(6):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((4, 2, 3), 40 * i, np.uint8))
    return tmp_path


def build(folder, **kwargs):
    return TinyReIDDataset(folder, pipeline=[LoadImageFromFile(), PackReIDInputs()], **kwargs)


def brightness(sample):
    return sample["inputs"].unique().tolist()


def test_labels_are_contiguous(folder):
    dataset = build(folder)
    assert dataset.num_identities == 3
    assert [dataset[i]["data_samples"].gt_label.label.item() for i in range(6)] == [
        2,
        0,
        2,
        1,
        0,
        2,
    ]
    assert dataset.identity_indices() == {0: [1, 4], 1: [3], 2: [0, 2, 5]}
    assert dataset.metainfo["task"] == "reid"
    assert dataset.metainfo["synthetic"] is False


@pytest.mark.parametrize("serialize_data", [True, False])
def test_indices_follow_a_subset(folder, serialize_data):
    dataset = build(folder, serialize_data=serialize_data)
    dataset.identity_indices()
    subset = dataset.get_subset([5, 1])
    assert subset.identity_indices() == {0: [1], 2: [0]}
    assert subset.num_identities == 3
    assert build(folder, indices=[5, 1]).identity_indices() == {0: [1], 2: [0]}


def test_test_mode_has_no_labels(folder):
    dataset = build(folder, test_mode=True)
    assert "gt_label" not in dataset[0]["data_samples"]
    assert dataset.num_identities == 0
    with pytest.raises(ConfigError, match=r"test_mode=True.*no labels"):
        dataset.identity_indices()


def test_lazy_init(folder):
    dataset = build(folder, lazy_init=True)
    assert not dataset._fully_initialized
    assert dataset.num_identities == 3


def test_unknown_split(folder):
    with pytest.raises(ConfigError, match=r"split='val'.*train, test"):
        build(folder, split="val")


def test_training_on_unknown_identities_is_an_error(folder):
    class Anonymous(TinyReIDDataset):
        def load_data_list(self):
            return [{"img_path": "hidden.png", "sample_id": 0, "role": "query"}]

    with pytest.raises(ConfigError, match=r"unknown identity.*hidden\.png"):
        Anonymous(folder)


def test_no_actions(folder):
    with pytest.raises(ConfigError, match="no action; use PKSampler"):
        build(folder).action_of(0)


def test_bad_image_is_replaced_by_the_same_identity(folder):
    dataset = build(folder)
    (folder / "0.png").write_bytes(b"")
    np.random.seed(0)
    seen = {brightness(dataset[0])[0] for _ in range(20)}
    assert seen == {80, 200}
    assert dataset.num_skipped_images == 1


def test_bad_image_is_an_error_in_tests(folder):
    (folder / "0.png").write_bytes(b"")
    with pytest.raises(DataFormatError, match=r"0\.png.*empty"):
        build(folder, test_mode=True)[0]


def test_identity_without_any_good_image(folder):
    dataset = build(folder)
    (folder / "1.png").write_bytes(b"")
    (folder / "4.png").unlink()
    with pytest.raises(DataFormatError, match=r"none of the images.*1\.png"):
        dataset[1]
    assert dataset.num_skipped_images == 2


def test_bad_images_are_counted_over_workers(folder):
    dataset = build(folder)
    for i in (0, 1):
        (folder / f"{i}.png").write_bytes(b"no image")
    loader = DataLoader(dataset, batch_size=1, num_workers=2, collate_fn=list)
    for _ in range(2):
        assert len(list(loader)) == 6
    assert dataset.num_skipped_images == 2


def test_one_warning_a_file(folder, caplog):
    dataset = build(folder)
    (folder / "0.png").write_bytes(b"")
    (folder / "1.png").write_bytes(b"")
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    for index in (0, 0, 1, 1):
        dataset[index]
    logger.removeHandler(caplog.handler)
    warned = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warned) == 2
    assert "1 of 6" in warned[0]
    assert "0.png" in warned[0]
    assert "2 of 6" in warned[1]
    assert "1.png" in warned[1]


def test_pickle(folder):
    copy = pickle.loads(pickle.dumps(build(folder)))
    assert brightness(copy[3]) == [120]


def test_find_images(tmp_path):
    for name in ("b/2.PNG", "b/1.jpg", "a/3.jpeg", "a/Thumbs.db", "b/._1.jpg", "0.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list(find_images(tmp_path))
    assert [name for _, name in found] == ["0.png", "3.jpeg", "1.jpg", "2.PNG"]
    assert found[-1][0] == str(tmp_path / "b")
