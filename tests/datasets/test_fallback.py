from __future__ import annotations

import logging
import pickle

import pytest
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from footmm.datasets import fallback
from footmm.datasets.fallback import SyntheticFallback
from footmm.datasets.reid.base import ReIDDataset
from footmm.datasets.samplers import PKSampler
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.registry import DATASETS


@DATASETS.register_module()
class FallbackToyReIDDataset(ReIDDataset):
    SPLITS = ("train",)

    def __init__(self, problem=None, size=6, **kwargs):
        self.problem, self.size = problem, size
        super().__init__("", **kwargs)

    def load_data_list(self):
        if self.problem is not None:
            raise self.problem
        return [
            {"img_path": str(i), "person_id": i // 2, "sample_id": i, "role": "train"}
            for i in range(self.size)
        ]


def config(**kwargs):
    return {"type": "FallbackToyReIDDataset", **kwargs}


MISSING = config(problem=DatasetNotFoundError("no files in data/soccernet"))


@pytest.fixture
def log(caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_real_data_is_used_where_it_is(log):
    dataset = SyntheticFallback(config(size=4), config())
    assert len(dataset) == 4
    assert dataset.metainfo["synthetic_fallback"] is False
    assert not [r for r in log.records if r.levelno >= logging.WARNING]


def test_falls_back_aloud(log):
    dataset = SyntheticFallback(MISSING, config(size=8))
    assert len(dataset) == 8
    assert dataset.metainfo["synthetic_fallback"] is True
    assert dataset.metainfo["task"] == "reid"
    assert dataset[3]["img_path"] == "3"
    assert dataset.num_identities == 4
    assert dataset.get_data_info(3)["label"] == 1
    warning = next(r for r in log.records if r.levelno == logging.WARNING).getMessage()
    assert "no files in data/soccernet" in warning
    assert "using SYNTHETIC data instead" in warning
    assert "FallbackToyReIDDataset" in warning


def test_other_errors_pass():
    with pytest.raises(DataFormatError, match="broken"):
        SyntheticFallback(config(problem=DataFormatError("broken")), config())
    with pytest.raises(AttributeError, match="no_such_thing"):
        SyntheticFallback(config(), config()).no_such_thing  # noqa: B018


def test_one_process_without_files_decides_for_all(monkeypatch):
    monkeypatch.setattr(fallback, "all_gather_object", lambda own: [own, "missing on node 1"])
    dataset = SyntheticFallback(config(size=4), config(size=8))
    assert len(dataset) == 8
    assert dataset.metainfo["synthetic_fallback"] is True


def test_lazy_init():
    dataset = SyntheticFallback(MISSING, config(), lazy_init=True)
    assert dataset._dataset is None
    assert dataset.metainfo["synthetic_fallback"] is True


def test_pickle():
    copy = pickle.loads(pickle.dumps(SyntheticFallback(MISSING, config(size=8))))
    assert len(copy) == 8


def test_runner_builds_it():
    with DefaultScope.overwrite_default_scope("footmm"):
        loader = Runner.build_dataloader(
            {
                "dataset": {"type": "SyntheticFallback", "real": MISSING, "synthetic": config()},
                "sampler": {
                    "type": "PKSampler",
                    "identities_per_batch": 2,
                    "images_per_identity": 2,
                },
                "batch_size": 4,
                "num_workers": 0,
            },
            seed=0,
        )
    assert isinstance(loader.dataset, SyntheticFallback)
    assert isinstance(loader.sampler, PKSampler)
    batches = [[int(path) for path in batch["img_path"]] for batch in loader]
    assert [len(batch) for batch in batches] == [4, 4]
    assert {i for batch in batches for i in batch} == set(range(6))
