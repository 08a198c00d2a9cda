"""One process of the test in test_gather.py: ``distributed_worker.py RANK WORLD_SIZE FOLDER``."""

import sys
from pathlib import Path

import footmm  # isort: skip  # noqa: F401  (before mmdet)
import torch
from mmdet.structures import ReIDDataSample

from footmm.errors import TrainingError
from footmm.models.common import gather_batch
from footmm.registry import MODELS

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


def main(rank: int, world_size: int, folder: Path) -> None:
    """Train one step in this process and write losses and gradients."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world_size
    )
    share = 8 // world_size
    model = torch.nn.parallel.DistributedDataParallel(build_model())
    losses, gradients = losses_and_gradients(model, slice(rank * share, (rank + 1) * share))
    try:
        gather_batch(torch.zeros(rank + 1, 2))
        complaint = ""
    except TrainingError as error:
        complaint = str(error)
    result = {"losses": losses, "gradients": gradients, "complaint": complaint}
    torch.save(result, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
