"""Two processes learn what one process learns from the whole batch."""

from functools import partial
from pathlib import Path

import pytest
import torch
from mmdet.structures import ReIDDataSample

from footmm.errors import TrainingError
from footmm.models.common import gather_batch, gather_with_gradient
from footmm.registry import MODELS
from footmm.testing import run_ranks

# A mean over each process's own labelled samples would not be the mean over the batch: identities
# are given to 3 + 4 samples, jersey numbers to 3 + 1, body shapes to 0 + 2.
IDENTITIES = (0, 1, None, 0, 1, 0, 2, 2)
JERSEYS = (10, 7, None, 100, None, None, 4, None)
BODY_SHAPES = (None, None, None, None, (1.9, 1.1), None, None, (1.7, 0.9))


def build_model() -> torch.nn.Module:
    """A model with every loss; in eval mode, so that batch norm does not look at the batch."""
    torch.manual_seed(0)
    model = MODELS.build(
        {
            "type": "ReIDModel",
            "backbone": {"type": "OSNet", "arch": "x0_25", "feature_dim": 32},
            "neck": {"type": "BNNeck", "in_channels": 32, "out_channels": 16},
            "appearance_head": {
                "type": "AppearanceHead",
                "num_classes": 3,
                "in_channels": 16,
                "loss_softmax": {"type": "LabelSmoothSoftmaxLoss"},
                "loss_triplet": {"type": "TripletLoss", "margin": None},
                "loss_center": {"type": "CenterLoss", "loss_weight": 0.01},
                "loss_contrastive": {"type": "ContrastiveLoss"},
            },
            "jersey_head": {"type": "JerseyNumberHead", "in_channels": 16},
            "body_shape_head": {"type": "BodyShapeHead", "in_channels": 16},
        }
    )
    return model.double().eval()


def build_batch(rows: slice) -> tuple[torch.Tensor, list[ReIDDataSample]]:
    """The given rows of the one batch."""
    images = torch.randn(
        8, 3, 32, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    samples = []
    for identity, jersey, shape in list(zip(IDENTITIES, JERSEYS, BODY_SHAPES, strict=True))[rows]:
        sample = ReIDDataSample()
        if identity is not None:
            sample.set_gt_label(identity)
        if jersey is not None:
            sample.gt_jersey = torch.tensor(jersey)
        if shape is not None:
            sample.gt_body_shape = torch.tensor(shape)
        samples.append(sample)
    return images[rows], samples


def losses_and_gradients(model: torch.nn.Module, rows: slice) -> tuple[dict, dict]:
    """Losses by name, and gradients of their sum by parameter."""
    losses = model(*build_batch(rows), mode="loss")
    sum(losses.values()).backward()
    gradients = {
        name.removeprefix("module."): parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    return {name: loss.item() for name, loss in losses.items()}, gradients


def train_one_of_two(rank: int, folder: Path) -> None:
    """Train one step in this process and write losses and gradients."""
    torch.distributed.init_process_group("gloo")
    model = torch.nn.parallel.DistributedDataParallel(build_model())
    losses, gradients = losses_and_gradients(model, slice(rank * 4, (rank + 1) * 4))
    try:
        gather_batch(torch.zeros(rank + 1, 2))
        complaint = ""
    except TrainingError as error:
        complaint = str(error)
    result = {"losses": losses, "gradients": gradients, "complaint": complaint}
    torch.save(result, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_processes")
    log = folder / "log"
    assert run_ranks(log, 2, partial(train_one_of_two, folder=folder)) == [0, 0], log.read_text()
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.fixture(scope="module")
def one_process():
    return losses_and_gradients(build_model(), slice(0, 8))


def test_one_process_gathers_nothing():
    tensor = torch.zeros(3, requires_grad=True)
    assert gather_with_gradient(tensor) is tensor
    assert gather_batch(tensor)[0] is tensor


def test_parameter_gradients_equal_those_of_one_process(one_process, two_processes):
    _, expected = one_process
    assert expected["appearance_head.loss_center.centers"].abs().max() > 0
    for result in two_processes:
        assert result["gradients"].keys() == expected.keys()
        for name, gradient in result["gradients"].items():
            assert torch.allclose(gradient, expected[name], rtol=0, atol=1e-6), name


def test_losses_equal_those_of_one_process(one_process, two_processes):
    expected, _ = one_process
    first, second = (result["losses"] for result in two_processes)
    for name in ("loss_triplet", "loss_center", "loss_contrastive"):
        assert first[name] == second[name] == pytest.approx(expected[name], abs=1e-6)
    for name in ("loss_softmax", "loss_jersey", "loss_body_shape"):
        assert (first[name] + second[name]) / 2 == pytest.approx(expected[name], abs=1e-6)


def test_unequal_batches_are_refused(two_processes):
    for result in two_processes:
        assert "different sizes [1, 2]" in result["complaint"]
        assert "drop_last=True" in result["complaint"]
