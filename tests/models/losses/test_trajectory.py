"""The loss of paths against numbers by hand and PyTorch's distributions."""

import pytest
import torch

from footmm.models import TrajectoryLoss


def only(part):
    """The loss with one of its three terms."""
    weights = dict.fromkeys(("ade_weight", "fde_weight", "nll_weight"), 0.0)
    return TrajectoryLoss(**(weights | {f"{part}_weight": 1.0}))


@pytest.fixture
def paths():
    """Two paths of three frames, 5, 13 and 10 m, and 1, 2 and 3 m beside the truth."""
    target = torch.tensor([[[1.0, 2], [3, 4], [5, 6]], [[0, 0], [1, 1], [2, 2]]])
    beside = torch.tensor([[[3.0, -4], [5, 12], [-6, -8]], [[1, 0], [0, -2], [3, 0]]])
    log_scale = torch.tensor([[[0.0, 0.5], [1, -0.5], [0.2, 2]], [[0, 0], [0.1, 0], [0, -1]]])
    return torch.cat((target + beside, log_scale), dim=-1), target


#: The last frame of the first path is not known, nor is the first of the second.
MASK = torch.tensor([[1.0, 1, 0], [0, 1, 1]])


def nll(pred, target):
    normal = torch.distributions.Normal(pred[..., :2], pred[..., 2:].exp())
    return -normal.log_prob(target).sum(-1)


@pytest.mark.parametrize(
    ("weight", "ade", "fde"),
    [
        (None, (5 + 13 + 10 + 1 + 2 + 3) / 6, (10 + 3) / 2),
        (MASK, (5 + 13 + 2 + 3) / 4, (13 + 3) / 2),
        # The last frame of the first path counts half, and its whole path 1.5 of 4.5.
        (MASK + torch.tensor([[0, -0.5, 0], [1, 0, 0]]), (5 + 6.5 + 1 + 2 + 3) / 4.5, None),
        (torch.tensor([[2.0, 0, 0], [0, 0, 0]]), 5, 5),
    ],
)
def test_displacements_by_hand(paths, weight, ade, fde):
    fde = (1.5 * 13 + 3 * 3) / 4.5 if fde is None else fde
    assert only("ade")(*paths, weight).item() == pytest.approx(ade, rel=1e-5)
    assert only("fde")(*paths, weight).item() == pytest.approx(fde, rel=1e-5)


def test_likelihood_is_that_of_torch_distributions(paths):
    expected = nll(*paths)
    assert only("nll")(*paths).item() == pytest.approx(expected.mean().item())
    masked = expected[MASK.bool()].mean().item()
    assert only("nll")(*paths, MASK).item() == pytest.approx(masked)


def test_terms_add_up(paths):
    loss = TrajectoryLoss(ade_weight=2.0, fde_weight=3.0, nll_weight=0.5, loss_weight=10.0)
    ade, fde, likelihood = (only(part)(*paths, MASK).item() for part in ("ade", "fde", "nll"))
    expected = 10 * (2 * ade + 3 * fde + 0.5 * likelihood)
    assert loss(*paths, MASK).item() == pytest.approx(expected, rel=1e-6)


def test_masked_frames_have_no_gradient(paths):
    pred, target = paths
    pred.requires_grad_()
    TrajectoryLoss()(pred, target, MASK).backward()
    assert torch.equal(pred.grad.any(-1), MASK.bool())
    assert not torch.equal(TrajectoryLoss()(pred, target), TrajectoryLoss()(pred, target, MASK))


def test_nothing_known_is_a_zero_with_graph(paths):
    pred, target = paths
    loss = TrajectoryLoss()(pred.requires_grad_(), target, torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(pred.grad, torch.zeros_like(pred))


def test_gradient_is_finite_where_the_prediction_is_right(paths):
    pred, target = paths
    pred = torch.cat((target, pred[..., 2:]), dim=-1).requires_grad_()
    loss = TrajectoryLoss(nll_weight=0.0)(pred, target)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=2e-3)
    assert not pred.grad.any()
    pred.grad = None
    TrajectoryLoss()(pred, target).backward()
    assert pred.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16])
def test_half_precision_is_reckoned_in_single(dtype):
    """Squares of metres, and their sums, would leave half precision's range."""
    pred = torch.tensor([300.0, 0, -6, -6]).expand(100, 30, 4).to(dtype)
    target = torch.zeros(100, 30, 2, dtype=dtype)
    loss = TrajectoryLoss()(pred, target, torch.ones(100, 30, dtype=dtype))
    expected = TrajectoryLoss()(pred.float(), target.float())
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert loss.item() == pytest.approx(expected.item())


def test_double_precision_stays():
    pred, target = torch.ones(1, 2, 4, dtype=torch.double), torch.zeros(1, 2, 2)
    assert TrajectoryLoss()(pred, target).dtype == torch.double
