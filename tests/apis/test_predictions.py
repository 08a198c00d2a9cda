"""Reading predictions without running what a pickle names, and writing submissions."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch

from footmm.apis.predictions import load_predictions, write_submission
from footmm.errors import DataFormatError


class Attack:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_reads_plain_data_and_tensors(tmp_path):
    sample = {"id": "7", "array": np.arange(3.0), "tensor": torch.ones(2), "none": None}
    (tmp_path / "results.pkl").write_bytes(pickle.dumps([sample]))
    (read,) = load_predictions(tmp_path / "results.pkl", ("id", "none"))
    assert read["id"] == "7"
    assert read["none"] is None
    np.testing.assert_array_equal(read["array"], [0, 1, 2])
    assert torch.equal(read["tensor"], torch.ones(2))


def test_does_not_run_what_a_pickle_names(tmp_path):
    target = tmp_path / "attacked"
    (tmp_path / "results.pkl").write_bytes(pickle.dumps([{"id": Attack(str(target))}]))
    with pytest.raises(DataFormatError, match=r"refers to \w+\.mkdir, which is not plain data"):
        load_predictions(tmp_path / "results.pkl", ("id",))
    assert not target.exists()


def test_says_which_sample_lacks_a_key(tmp_path):
    (tmp_path / "results.pkl").write_bytes(pickle.dumps([{"img_path": "a.jpg"}]))
    with pytest.raises(DataFormatError, match=r"a\.jpg has no 'id'"):
        load_predictions(tmp_path / "results.pkl", ("id",))


def test_a_missing_file_is_a_user_error(tmp_path):
    with pytest.raises(DataFormatError, match="cannot read predictions"):
        load_predictions(tmp_path / "results.pkl", ())


def test_writes_a_whole_file_or_none(tmp_path):
    write_submission(tmp_path / "new" / "file.zip", b"content")
    assert (tmp_path / "new" / "file.zip").read_bytes() == b"content"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.zip"]
    (tmp_path / "file").touch()
    with pytest.raises(DataFormatError, match="cannot write"):
        write_submission(tmp_path / "file" / "file.zip", b"content")
