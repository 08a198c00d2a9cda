"""The loss of the four tasks against PyTorch's own, numbers by hand, and masks."""

from __future__ import annotations

import math

import pytest
import torch
from mmengine.structures import BaseDataElement
from torch.nn import functional as F

from footmm.errors import ConfigError
from footmm.models import TacticsLoss
from footmm.models.losses.tactics import TASKS, TacticsTargets
from footmm.models.tactics.gnn import TacticsOutputs

BATCH, AGENTS, FRAMES, FUTURE = 3, 7, 4, 2
SHAPES = dict(formation=(BATCH, 2), role=(BATCH, AGENTS), strategy=(BATCH, FRAMES, 2))
CLASSES = dict(formation=8, role=14, strategy=6)


@pytest.fixture
def pred():
    generator = torch.Generator().manual_seed(0)
    logits = {
        name: torch.randn(*shape, CLASSES[name], generator=generator)
        for name, shape in SHAPES.items()
    }
    positions = 3 * torch.randn(BATCH, FUTURE, AGENTS, 2, generator=generator)
    outputs = TacticsOutputs(**logits, positions=positions)
    return TacticsOutputs(*(output.requires_grad_() for output in outputs))


@pytest.fixture
def target():
    """Labels of which about a third is not known."""
    generator = torch.Generator().manual_seed(1)
    parts = {}
    for name, shape in SHAPES.items():
        parts[name] = torch.randint(CLASSES[name], shape, generator=generator)
        parts[f"has_{name}"] = torch.rand(shape, generator=generator) < 0.66
    shape = (BATCH, FUTURE, AGENTS)
    return TacticsTargets(
        **parts,
        positions=3 * torch.randn(*shape, 2, generator=generator),
        has_positions=torch.rand(shape, generator=generator) < 0.66,
    )


def masks(target):
    return {name: value for name, value in target._asdict().items() if name.startswith("has_")}


def values(losses):
    return {name.removeprefix("loss_"): loss.item() for name, loss in losses.items()}


def elementwise(pred, target, beta=1.0):
    """Losses of all labels, known or not, by PyTorch."""
    found = {
        name: F.cross_entropy(
            getattr(pred, name).movedim(-1, 1), getattr(target, name), reduction="none"
        )
        for name in SHAPES
    }
    distance = F.smooth_l1_loss(pred.positions, target.positions, reduction="none", beta=beta)
    return found | dict(trajectory=distance.sum(-1))


def known(target, task):
    return target.has_positions if task == "trajectory" else getattr(target, f"has_{task}")


def test_equals_torch_where_labels_are_known(pred, target):
    everywhere = elementwise(pred, target)
    expected = {task: everywhere[task][known(target, task)].mean().item() for task in TASKS}
    assert values(TacticsLoss()(pred, target)) == pytest.approx(expected, rel=1e-5)
    wide = elementwise(pred, target, beta=4.0)["trajectory"][target.has_positions].mean().item()
    found = TacticsLoss(distance_scale=4.0)(pred, target)["loss_trajectory"].item()
    assert found == pytest.approx(wide, rel=1e-5)
    assert found < 0.9 * expected["trajectory"]


def test_label_smoothing(pred, target):
    smooth = F.cross_entropy(
        pred.role[target.has_role], target.role[target.has_role], label_smoothing=0.2
    )
    losses = TacticsLoss(label_smoothing=0.2)(pred, target)
    assert losses["loss_role"].item() == pytest.approx(smooth.item(), rel=1e-5)


def test_what_is_not_known_may_be_anything(pred, target):
    garbage = {
        name: torch.where(getattr(target, f"has_{name}"), getattr(target, name), -99)
        for name in SHAPES
    }
    unknown = ~target.has_positions[..., None]
    for number in (torch.nan, torch.inf, 1e6):
        positions = target.positions.masked_fill(unknown, number)
        other = target._replace(**garbage, positions=positions)
        gradients = []
        for labels in (target, other):
            losses = TacticsLoss()(pred, labels)
            gradients.append(torch.autograd.grad(sum(losses.values()), pred))
        assert values(losses) == pytest.approx(values(TacticsLoss()(pred, target)))
        for found, expected in zip(*gradients, strict=True):
            assert torch.equal(found, expected)


def test_gradients_are_where_labels_are_known(pred, target):
    sum(TacticsLoss()(pred, target).values()).backward()
    for name in SHAPES:
        assert torch.equal(getattr(pred, name).grad.any(-1), getattr(target, f"has_{name}"))
    assert torch.equal(pred.positions.grad.any(-1), target.has_positions)


def test_weights_of_tasks(pred, target):
    plain = values(TacticsLoss()(pred, target))
    weighted = values(TacticsLoss(weights=dict(role=3.0, trajectory=0.0))(pred, target))
    expected = plain | dict(role=3 * plain["role"], trajectory=0.0)
    assert weighted == pytest.approx(expected)


def test_weights_of_windows(pred, target):
    weight = torch.tensor([2.0, 0.0, 1.0])
    everywhere = elementwise(pred, target)
    expected = {}
    for task in TASKS:
        mask = known(target, task)
        counts = weight.view(-1, *(1,) * (mask.ndim - 1)) * mask
        expected[task] = ((everywhere[task] * counts).sum() / counts.sum()).item()
    losses = TacticsLoss()(pred, target, weight)
    assert values(losses) == pytest.approx(expected, rel=1e-5)
    assert expected["role"] != pytest.approx(values(TacticsLoss()(pred, target))["role"], rel=1e-2)


def test_learned_weights_are_those_of_the_uncertainty(pred, target):
    loss = TacticsLoss(weights=dict(formation=2.0), uncertainty=True)
    plain = values(TacticsLoss(weights=dict(formation=2.0))(pred, target))
    assert values(loss(pred, target)) == pytest.approx(plain)
    variances = torch.tensor([-1.0, 0.5, 0.0, math.log(2 * plain["trajectory"])])
    loss.log_variances.data.copy_(variances)
    losses = loss(pred, target)
    expected = {
        task: math.exp(-s) * plain[task] + s / 2
        for task, s in zip(TASKS, variances.tolist(), strict=True)
    }
    assert values(losses) == pytest.approx(expected, rel=1e-5)
    sum(losses.values()).backward()
    slopes = [0.5 - math.exp(-s) * plain[t] for t, s in zip(TASKS, variances.tolist(), strict=True)]
    assert loss.log_variances.grad.tolist() == pytest.approx(slopes, rel=1e-4, abs=1e-5)
    # Where the variance is twice the loss, it stays.
    assert slopes[3] == pytest.approx(0, abs=1e-6)


def test_learned_weights_stay_where_nothing_is_learned(pred, target):
    loss = TacticsLoss(weights=dict(trajectory=0.0), uncertainty=True)
    unlabelled = target._replace(has_role=torch.zeros_like(target.has_role))
    sum(loss(pred, unlabelled).values()).backward()
    assert [bool(slope) for slope in loss.log_variances.grad] == [True, False, True, False]


@pytest.mark.parametrize("task", [*TASKS, "all"])
def test_nothing_known_is_a_zero_with_graph(pred, target, task):
    name = "has_positions" if task == "trajectory" else f"has_{task}"
    nothing = {
        key: torch.zeros_like(mask) if task == "all" or key == name else mask
        for key, mask in masks(target).items()
    }
    losses = TacticsLoss()(pred, target._replace(**nothing))
    sum(losses.values()).backward()
    zeros = [key for key, value in values(losses).items() if value == 0]
    assert zeros == (list(TASKS) if task == "all" else [task])
    for part, gradient in zip((*SHAPES, "trajectory"), (p.grad for p in pred), strict=True):
        assert gradient.any().item() == (part not in zeros)


@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16])
def test_half_precision_is_reckoned_in_single(pred, target, dtype):
    coarse = TacticsOutputs(*(output.detach().to(dtype) for output in pred))
    losses = TacticsLoss()(coarse, target)
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    fine = TacticsOutputs(*(output.float() for output in coarse))
    assert values(losses) == pytest.approx(values(TacticsLoss()(fine, target)))


def test_processes_with_unlike_numbers_of_labels_equal_one(pred, target, monkeypatch):
    """The mean of the processes' losses is that of the batch, as if each label counted once."""
    target.has_formation[0] = False
    parts = (slice(0, 1), slice(1, BATCH))
    totals: list[list[torch.Tensor]] = [[], []]

    def losses_of(number):
        given = TacticsOutputs(*(output[parts[number]] for output in pred))
        return TacticsLoss()(given, TacticsTargets(*(label[parts[number]] for label in target)))

    for number in range(2):
        monkeypatch.setattr(
            "footmm.models.losses.reduction.all_reduce",
            lambda total, op, number=number: totals[number].append(total.clone()),
        )
        losses_of(number)
    means = [torch.stack(pair).mean(0) for pair in zip(*totals, strict=True)]
    found = []
    for number in range(2):
        left = iter(means)
        monkeypatch.setattr(
            "footmm.models.losses.reduction.all_reduce",
            lambda total, op, left=left: total.copy_(next(left)),
        )
        found.append(values(losses_of(number)))
    monkeypatch.undo()
    mean = {task: (found[0][task] + found[1][task]) / 2 for task in TASKS}
    assert mean == pytest.approx(values(TacticsLoss()(pred, target)), rel=1e-5)


def test_unknown_task():
    with pytest.raises(ConfigError, match="names 'roles'; did you mean 'role'"):
        TacticsLoss(weights=dict(roles=1.0))


def test_targets_of_samples():
    """Roles of the seen, and places of players who were seen last."""
    present = torch.ones(6, 4, dtype=torch.bool)
    # Never in the frames of the graph; not in the last of them; not in one that is to be told.
    present[[1, 3], 0] = False
    present[3, 1] = False
    present[5, 2] = False
    arrays = dict(
        formation=torch.tensor([1, 2]),
        has_formation=torch.tensor([True, False]),
        role=torch.tensor([3, 4, 5, 0]),
        has_role=torch.tensor([True, True, True, False]),
        strategy=torch.tensor([[0, 1], [2, 3]]),
        has_strategy=torch.ones(2, 2, dtype=torch.bool),
        positions=torch.arange(48.0).view(6, 4, 2),
        present=present,
        team=torch.tensor([0, 0, 1, 2]),
        graph_frames=torch.tensor([1, 3]),
    )
    other = arrays | dict(present=torch.ones_like(present))
    samples = [BaseDataElement(metainfo=dict(num_observed=4), **given) for given in (arrays, other)]
    targets = TacticsTargets.of_samples(samples)
    assert targets.has_role.tolist() == [[False, True, True, False], [True, True, True, False]]
    assert targets.has_positions.tolist() == [
        [[False, False, True, False], [False, False, False, False]],
        [[True, True, True, False], [True, True, True, False]],
    ]
    assert torch.equal(targets.positions[1], arrays["positions"][4:])
    assert targets.formation.tolist() == [[1, 2]] * 2
    assert targets.has_formation.tolist() == [[True, False]] * 2
    assert targets.strategy.shape == targets.has_strategy.shape == (2, 2, 2)
