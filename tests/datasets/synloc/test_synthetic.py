from __future__ import annotations

import pytest

from footmm.datasets.synloc import SyntheticSynLocDataset
from footmm.errors import ConfigError
from footmm.simulation.export import SynLocExport


def test_metainfo_and_files(tmp_path):
    dataset = SyntheticSynLocDataset(1, image_size=(320, 180), data_root=tmp_path)
    assert dataset.metainfo["synthetic"] is True
    assert dataset.metainfo["task"] == "synloc"
    assert dataset.metainfo["data_source"] == "footmm synthetic frames"
    camera = dataset.get_data_info(0)["camera"]
    assert (camera["width"], camera["height"]) == (3840, 2160)


def test_no_two_splits_share_a_stream():
    names = set()
    for split in ("train", "val", "test"):
        dataset = SyntheticSynLocDataset(100, split, lazy_init=True)
        units = SynLocExport(dataset.settings).units()
        names |= {unit.name for unit in units}
    assert len(names) == 9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(num_samples=0), "give 1 or more"),
        (dict(split="challenge_public"), "train, val, test"),
        (dict(image_size=(640, 480)), "16:9"),
    ],
)
def test_settings_are_checked(tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticSynLocDataset(**settings, data_root=tmp_path)
