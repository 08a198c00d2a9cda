from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from footmm.datasets.synloc import SynLocDataset
from footmm.datasets.transforms import LoadSynLocImage, PackSynLocInputs, SynLocResize
from footmm.errors import ConfigError, DatasetNotFoundError
from footmm.pitch.camera import Camera


def test_sample(synloc_root):
    dataset = SynLocDataset(synloc_root)
    assert len(dataset) == 3
    sample = dataset.get_data_info(0)
    count = len(sample["bbox"])
    assert count > 5
    assert sample["keypoints"].shape == (count, 2, 2)
    camera = Camera.from_synloc(sample["camera"])
    on_ground = np.concatenate([sample["positions"], np.zeros((count, 1))], axis=1)
    assert np.abs(camera.project(on_ground).numpy() - sample["keypoints"][:, 1]).max() < 0.01
    assert dataset.metainfo["data_source"] == "Spiideo SynLoc"
    assert dataset.metainfo["synthetic"] is False
    assert dataset.metainfo["flip_indices"] == [0, 1]


def test_frames_without_athletes_are_kept_in_training(synloc_root, content, tmp_path):
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] != 1]
    root = copy_of(synloc_root, tmp_path, content)
    dataset = SynLocDataset(root, pipeline=[LoadSynLocImage(), PackSynLocInputs()])
    assert len(dataset) == 3
    labels = dataset[1]["data_samples"].gt_instance_labels
    assert len(labels) == 0
    assert labels.keypoints.shape == (0, 2, 2)


def test_frames_without_annotations_are_for_tests_only(synloc_root, content, tmp_path):
    content["annotations"] = []
    root = copy_of(synloc_root, tmp_path, content)
    with pytest.raises(ConfigError, match="cannot be trained on"):
        SynLocDataset(root)
    pipeline = [LoadSynLocImage(), SynLocResize((320, 192)), PackSynLocInputs()]
    dataset = SynLocDataset(root, pipeline=pipeline, test_mode=True)
    sample = dataset[0]["data_samples"]
    assert sample.ground_truth_positions is None
    assert "gt_instance_labels" not in sample


def test_challenge_has_folders_of_its_own(synloc_root, content, tmp_path):
    root = copy_of(synloc_root, tmp_path, content)
    (root / "annotations" / "train.json").rename(root / "annotations" / "challenge_public.json")
    (root / "fullhd" / "train").rename(root / "fullhd" / "challenge")
    dataset = SynLocDataset(root, "challenge_public", test_mode=True)
    assert len(dataset) == 3


def test_4k_images(synloc_root, content, tmp_path):
    root = copy_of(synloc_root, tmp_path, content)
    (root / "fullhd").rename(root / "4k")
    assert "/4k/train/" in SynLocDataset(root, images="4k").get_data_info(0)["img_path"]
    with pytest.raises(DatasetNotFoundError, match=r"fullhd.*does not exist"):
        SynLocDataset(root)


def test_settings_are_checked(synloc_root, tmp_path):
    with pytest.raises(ConfigError, match="train, val, test, challenge_public"):
        SynLocDataset(synloc_root, "valid")
    with pytest.raises(ConfigError, match="fullhd, 4k"):
        SynLocDataset(synloc_root, images="8k")
    with pytest.raises(DatasetNotFoundError, match="prepare_synloc"):
        SynLocDataset(tmp_path)


def test_unreadable_image_is_replaced_in_training(synloc_root, content, tmp_path):
    root = copy_of(synloc_root, tmp_path, content)
    (root / "fullhd" / "train" / "000000.jpg").write_bytes(b"no image")
    dataset = SynLocDataset(root, pipeline=[LoadSynLocImage(), PackSynLocInputs()])
    assert dataset[0]["data_samples"].img_id in (1, 2)
    assert dataset.num_skipped_images == 1


def copy_of(root, folder, content):
    """A copy of the training frames with other annotations."""
    copy = folder / "copy"
    shutil.copytree(root, copy)
    (copy / "annotations" / "train.json").write_text(json.dumps(content))
    return copy
