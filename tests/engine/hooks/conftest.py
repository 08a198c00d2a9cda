"""A model, a dataset and a Runner that train in milliseconds."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn

_names = itertools.count()


class TinyModel(BaseModel):
    """A backbone with batch norm and a linear head; the loss is the mean square."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 1)

    def forward(self, inputs, data_samples, mode="tensor"):
        output = self.head(self.backbone(torch.stack(inputs)))
        if mode == "loss":
            return {"loss_a": output.square().mean()}
        for sample, value in zip(data_samples, output, strict=True):
            sample.pred = value
        return data_samples


class TinyDataset(BaseDataset):
    """Sample i is the point (i, 1)."""

    def __init__(self, length=8, **metainfo):
        self.length = length
        super().__init__(metainfo=metainfo, pipeline=[_pack], serialize_data=False)

    def load_data_list(self):
        return [{"index": i} for i in range(self.length)]


def _pack(results):
    index = results["index"]
    sample = BaseDataElement(metainfo={"img_path": f"images/{index}.png"})
    return {"inputs": torch.tensor([float(index), 1.0]), "data_samples": sample}


class CountMetric(BaseMetric):
    """Counts the samples it was shown."""

    default_prefix = "tiny"

    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        return {"count": float(len(results))}


def _loader(dataset, shuffle=False, infinite=False, **options):
    sampler = {"type": "InfiniteSampler" if infinite else "DefaultSampler", "shuffle": shuffle}
    return {"batch_size": 4, "num_workers": 0, "dataset": dataset, "sampler": sampler, **options}


@pytest.fixture
def tiny_dataset():
    return TinyDataset


@pytest.fixture
def make_runner(tmp_path):
    """Build a Runner of two batches an epoch around some hooks."""

    def make(hooks, *, epochs=2, iterations=None, metainfo=None, loader=None, **options):
        metainfo = metainfo or {}
        by_epoch = iterations is None
        train_cfg = (
            {"by_epoch": True, "max_epochs": epochs}
            if by_epoch
            else {"by_epoch": False, "max_iters": iterations, "val_interval": 2}
        )
        loader = {"dataset": TinyDataset(**metainfo), **(loader or {})}
        return Runner(
            model=options.pop("model", None) or TinyModel(),
            work_dir=str(tmp_path / "work"),
            train_dataloader=_loader(**loader, infinite=not by_epoch),
            train_cfg=train_cfg,
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
            val_dataloader=_loader(TinyDataset(**metainfo)),
            val_cfg={},
            val_evaluator=Evaluator([CountMetric()]),
            test_dataloader=_loader(TinyDataset(**metainfo)),
            test_cfg={},
            test_evaluator=Evaluator([CountMetric()]),
            log_processor={"by_epoch": by_epoch},
            custom_hooks=hooks,
            default_scope="mmengine",
            randomness={"seed": 0},
            experiment_name=f"tiny_{next(_names)}",
            cfg={},
            **options,
        )

    return make


@pytest.fixture
def read_log():
    """The text of a Runner's log file."""

    def read(runner):
        return "\n".join(p.read_text() for p in sorted(Path(runner.work_dir).glob("*/*.log")))

    return read
