"""Metric losses against plain loops over pairs, and their gradients against finite differences."""

import math

import pytest
import torch

from footmm.models import CenterLoss, ContrastiveLoss, TripletLoss

LABELS = torch.tensor([0, 0, 1, 1, 1, 2, 0, 3])
# Sample 4 is masked; 5 and 7 are alone with their label, so they have no positive.
WEIGHTS = torch.tensor([1.0, 2.0, 1.0, 0.5, 0.0, 1.0, 1.0, 1.0], dtype=torch.float64)


@pytest.fixture
def embeddings():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(8, 4, dtype=torch.float64, generator=generator)


def partners(i, labels, weights, same):
    """Indices of the unmasked samples, other than i, whose label is, or is not, that of i."""
    return [
        j
        for j in range(len(labels))
        if j != i and weights[j] > 0 and (labels[j] == labels[i]).item() is same
    ]


def triplet_loop(pred, labels, weights, margin):
    total, count = 0.0, 0.0
    for i in range(len(pred)):
        positives = partners(i, labels, weights, same=True)
        negatives = partners(i, labels, weights, same=False)
        if weights[i] == 0 or not positives or not negatives:
            continue
        farthest = max(math.dist(pred[i].tolist(), pred[j].tolist()) for j in positives)
        nearest = min(math.dist(pred[i].tolist(), pred[j].tolist()) for j in negatives)
        gap = farthest - nearest
        loss = math.log(1 + math.exp(gap)) if margin is None else max(0.0, margin + gap)
        total, count = total + weights[i].item() * loss, count + weights[i].item()
    return total / count


def center_loop(pred, labels, weights, centers):
    total = 0.0
    for i in range(len(pred)):
        distance = math.dist(pred[i].tolist(), centers[labels[i]].tolist())
        total += weights[i].item() * 0.5 * distance**2
    return total / weights.sum().item()


def contrastive_loop(pred, labels, weights, temperature):
    unit = [[x / math.hypot(*row) for x in row] for row in pred.tolist()]

    def similarity(i, j):
        return sum(a * b for a, b in zip(unit[i], unit[j], strict=True)) / temperature

    total, count = 0.0, 0.0
    for i in range(len(pred)):
        positives = partners(i, labels, weights, same=True)
        others = positives + partners(i, labels, weights, same=False)
        if weights[i] == 0 or not positives:
            continue
        denominator = sum(math.exp(similarity(i, a)) for a in others)
        likelihoods = [math.log(math.exp(similarity(i, p)) / denominator) for p in positives]
        total -= weights[i].item() * sum(likelihoods) / len(positives)
        count += weights[i].item()
    return total / count


@pytest.mark.parametrize("margin", [0.3, 2.0, None])
def test_triplet_equals_plain_loop(embeddings, margin):
    loss = TripletLoss(margin, loss_weight=2.0)(embeddings, LABELS, WEIGHTS)
    expected = triplet_loop(embeddings, LABELS, WEIGHTS, margin)
    assert expected > 0
    assert loss.item() == pytest.approx(2 * expected, 1e-12)


def test_triplet_of_three_points_on_a_line():
    points = torch.tensor([[0.0], [1.0], [3.0]])
    # Anchors 0 and 1: 1 - 3 and 1 - 2 plus margin 2.5; anchor 2 has no positive.
    loss = TripletLoss(margin=2.5)(points, torch.tensor([7, 7, 9]))
    assert loss.item() == pytest.approx((0.5 + 1.5) / 2)


def test_center_equals_plain_loop(embeddings):
    loss = CenterLoss(num_classes=4, feat_dim=4, loss_weight=2.0).double()
    expected = center_loop(embeddings, LABELS, WEIGHTS, loss.centers)
    assert loss(embeddings, LABELS, WEIGHTS).item() == pytest.approx(2 * expected, 1e-12)


def test_center_loss_moves_a_centre_towards_its_class():
    loss = CenterLoss(num_classes=2, feat_dim=1)
    loss.centers.data = torch.tensor([[0.0], [5.0]])
    loss(torch.tensor([[2.0], [4.0]]), torch.tensor([0, 0])).backward()
    assert loss.centers.grad.tolist() == [[-3.0], [0.0]]


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_contrastive_equals_plain_loop(embeddings, temperature):
    loss = ContrastiveLoss(temperature, loss_weight=2.0)(embeddings, LABELS, WEIGHTS)
    expected = contrastive_loop(embeddings, LABELS, WEIGHTS, temperature)
    assert loss.item() == pytest.approx(2 * expected, 1e-12)


def test_contrastive_of_two_views_is_info_nce(embeddings):
    views = torch.nn.functional.normalize(embeddings, dim=1)
    instances = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    logits = (views @ views.T / 0.5).fill_diagonal_(-torch.inf)
    partner = torch.tensor([4, 5, 6, 7, 0, 1, 2, 3])
    expected = torch.nn.functional.cross_entropy(logits, partner)
    assert ContrastiveLoss(0.5)(embeddings, instances).item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    "loss",
    [TripletLoss(2.0), TripletLoss(None), CenterLoss(4, 4), ContrastiveLoss(0.5)],
    ids=["triplet", "soft_triplet", "center", "contrastive"],
)
class TestEveryLoss:
    def test_gradient(self, loss, embeddings):
        pred = embeddings.requires_grad_()
        loss = loss.double()
        parameters = tuple(loss.parameters())
        assert torch.autograd.gradcheck(
            lambda pred, *_: loss(pred, LABELS, WEIGHTS), (pred, *parameters)
        )

    def test_all_masked_is_zero_with_graph(self, loss, embeddings):
        pred = embeddings.float().requires_grad_()
        result = loss.float()(pred, torch.zeros_like(LABELS), torch.zeros(8))
        loss.zero_grad()
        result.backward()
        assert result.item() == 0.0
        assert not pred.grad.any()
        assert all(not p.grad.any() for p in loss.parameters())

    @pytest.mark.parametrize("value", [0.0, 1.5])
    def test_identical_embeddings_give_finite_gradients(self, loss, value):
        pred = torch.full((8, 4), value, requires_grad=True)
        result = loss.float()(pred, LABELS)
        result.backward()
        assert torch.isfinite(result)
        assert torch.isfinite(pred.grad).all()

    def test_masked_samples_have_no_influence(self, loss, embeddings):
        loss, pred = loss.double(), embeddings
        changed = pred.clone()
        changed[4] = 100.0
        assert torch.equal(loss(pred, LABELS, WEIGHTS), loss(changed, LABELS, WEIGHTS))

    def test_a_batch_of_one_is_finite(self, loss):
        pred = torch.ones(1, 4, requires_grad=True)
        loss.float()(pred, torch.tensor([0])).backward()
        assert torch.isfinite(pred.grad).all()

    def test_autocast_keeps_full_precision(self, loss, embeddings):
        pred = embeddings.float()
        expected = loss.float()(pred, LABELS)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(loss(pred, LABELS), expected)
            assert loss(pred.bfloat16(), LABELS).dtype == torch.float32


@pytest.mark.parametrize("loss", [TripletLoss(), ContrastiveLoss()])
def test_one_identity_each_leaves_nothing_to_learn(loss, embeddings):
    assert loss(embeddings, torch.arange(8)).item() == 0.0


def test_triplet_needs_two_identities(embeddings):
    assert TripletLoss()(embeddings, torch.zeros(8, dtype=torch.long)).item() == 0.0
