"""Market-1501 and everything that shares its layout."""

from __future__ import annotations

import os
import re
from pathlib import Path

from footmm.datasets.reid.base import ReIDDataset, find_images
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.registry import DATASETS

_FILE_NAME = re.compile(
    r"(?P<person>-1|\d+)_c(?P<camera>\d+)s\d+_\d+_\d+(?:\.jpg)?\.(?:jpe?g|png)", re.IGNORECASE
)
_DISTRACTOR = 0
_FOLDERS = {
    "train": {"train": "bounding_box_train"},
    "test": {"query": "query", "gallery": "bounding_box_test"},
}


@DATASETS.register_module()
class Market1501Dataset(ReIDDataset):
    """Market-1501 in its official layout: bounding_box_train, query and bounding_box_test.

    Names like ``0002_c1s1_000451_03.jpg`` hold person and camera. Junk boxes keep ``person_id`` -1
    and distractors 0: the protocol ignores the first and ranks the second, which is the metric's
    business. Neither is an identity to train on.

    Source: Zheng et al., Scalable Person Re-identification: A Benchmark, ICCV 2015.

    Args:
        data_root: The folder that holds the three.
        split: 'train' or 'test' (query and gallery).
        pipeline: Transforms, or their configs.
        test_mode: Whether the samples are evaluated, not trained on.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: There is no such split.
        DatasetNotFoundError: The images are not there.
        DataFormatError: A file name breaks the format.
    """

    METAINFO: dict = ReIDDataset.METAINFO | {"data_source": "Market-1501"}
    SPLITS = ("train", "test")

    def load_data_list(self) -> list[dict]:
        """Return the samples of the split, by role and file name."""
        samples = [
            sample
            for role, folder in _FOLDERS[self.split].items()
            for sample in self._read_folder(Path(self.data_root) / folder, role)
        ]
        if self.test_mode:
            return samples
        return [sample for sample in samples if sample["person_id"] > _DISTRACTOR]

    def _read_folder(self, folder: Path, role: str) -> list[dict]:
        names = list(find_images(folder))
        if not names:
            problem = "holds no images" if folder.is_dir() else "does not exist"
            raise DatasetNotFoundError(
                f"{folder} {problem}. 'tools/data/download.py market1501' fetches Market-1501 "
                "into data/Market-1501-v15.09.15 (docs/data.md); set data_root to the folder that "
                "holds bounding_box_train, query and bounding_box_test. Any crops with such "
                "folders and names will do"
            )
        return [
            _parse_name(os.path.join(parent, name)) | {"sample_id": index, "role": role}
            for index, (parent, name) in enumerate(names)
        ]


def _parse_name(path: str) -> dict:
    match = _FILE_NAME.fullmatch(os.path.basename(path))
    if match is None:
        raise DataFormatError(
            f"{path}: the file name does not have the shape "
            "<person>_c<camera>s<sequence>_<frame>_<box>.jpg, e.g. 0002_c1s1_000451_03.jpg; rename "
            "or remove the file"
        )
    return {
        "img_path": path,
        "person_id": int(match["person"]),
        "camera_id": int(match["camera"]),
    }
