"""Frames of sequences: which ones, and their numbers."""

from __future__ import annotations

import pytest

from footmm.datasets.detection import MOTDataset
from footmm.errors import ConfigError, DataFormatError


@pytest.fixture
def root(tmp_path, write_sequence):
    for name in ("b", "a", "c"):
        write_sequence(tmp_path / name, [f"{frame},0,{frame},2,3,4" for frame in (1, 2, 3, 5)])
    return tmp_path


def ids(dataset):
    return [dataset.get_data_info(number)["img_id"] for number in range(len(dataset))]


def test_every_frame_with_or_without_boxes(root):
    dataset = MOTDataset(root, sequences=["a"])
    infos = [dataset.get_data_info(number) for number in range(len(dataset))]
    assert [[i["bbox"][0] for i in info["instances"]] for info in infos] == [[1], [2], [3], [], [5]]
    assert infos[2]["img_path"] == str(root / "a" / "img1" / "000003.jpg")
    assert (infos[2]["width"], infos[2]["height"]) == (100, 50)


def test_numbers_of_images_do_not_depend_on_the_choice(root):
    chosen = ids(MOTDataset(root, sequences=["c", "b"], every=2))
    assert chosen == [2000001, 2000003, 2000005, 3000001, 3000003, 3000005]
    everything = ids(MOTDataset(root))
    assert len(set(everything)) == 15
    assert set(chosen) < set(everything)


def test_arguments_are_checked(root):
    with pytest.raises(ConfigError, match=r"MOTDataset\(every=0\): give 1 or more"):
        MOTDataset(root, every=0)
    with pytest.raises(ConfigError, match="holds no sequence 'SNMOT'"):
        MOTDataset(root, sequences=["a", "SNMOT"])


def test_too_many_frames(root):
    file = root / "a" / "seqinfo.ini"
    file.write_text(file.read_text().replace("seqLength=5", "seqLength=9999999999"))
    with pytest.raises(DataFormatError, match=r"seqinfo.ini: 'seqLength' is 9999999999"):
        MOTDataset(root)
