from __future__ import annotations

import pytest
import torch

from footmm.apis.onnx_export import tracing
from footmm.apis.onnx_export.tracing import RankingMargin, exportable_functions


@pytest.fixture
def numbers():
    return torch.Generator().manual_seed(5)


def test_inverse_and_solution_of_positive_definite_matrices(numbers):
    root = torch.randn(2, 3, 9, 9, generator=numbers, dtype=torch.double)
    matrix = root @ root.mT + torch.logspace(-6, 3, 9, dtype=torch.double).diag()
    right = torch.randn(2, 3, 9, 1, generator=numbers, dtype=torch.double)
    with exportable_functions():
        inverse, solution = torch.linalg.inv(matrix), torch.linalg.solve(matrix, right)
    torch.testing.assert_close(inverse, torch.linalg.inv(matrix), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(solution, torch.linalg.solve(matrix, right), rtol=1e-8, atol=1e-8)


SIGNED = torch.tensor([[-30.0, -1e-3, 0.0], [0.5, 2.0, 1e4]])


@pytest.mark.parametrize(
    ("name", "compute"),
    [
        ("inverse", lambda: torch.linalg.inv(torch.tensor([[4.0, 1.0], [1.0, 3.0]]))),
        ("running_maximum", lambda: torch.tensor([[3, -1, 5, 4]]).cummax(-1).values),
        ("running_minimum", lambda: torch.tensor([[3, 4, -1, 5]]).cummin(-1).values),
        ("inverse_hyperbolic_sine", lambda: SIGNED.asinh()),
        ("hypotenuse", lambda: torch.hypot(SIGNED, SIGNED + 1)),
        ("exponential_minus_one", lambda: (SIGNED / 1e3).expm1()),
        ("transposed", lambda: SIGNED.mT),
        ("differences", lambda: SIGNED.diff(dim=0)),
        ("diagonal", lambda: SIGNED[:, :2].diagonal(dim1=-2, dim2=-1)),
        ("unflattened", lambda: torch.arange(24).view(2, 6, 2).unflatten(-2, (3, 2))),
        ("identity", lambda: torch.eye(3, dtype=torch.bool)),
        ("identity", lambda: torch.eye(2)),
    ],
)
def test_substitute_is_called_and_computes_the_same(monkeypatch, name, compute):
    called = []
    substitutes = {
        known: lambda *args, _use=use, **kwargs: (
            called.append(_use.__name__),
            _use(*args, **kwargs),
        )[1]
        for known, use in tracing._SUBSTITUTES.items()
    }
    monkeypatch.setattr(tracing, "_SUBSTITUTES", substitutes)
    wanted = compute()
    assert not called
    with exportable_functions():
        found = compute()
    assert called == [name]
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dim", [0, 1])
def test_margin_is_the_least_step_among_the_chosen_and_the_first_left_out(dim):
    values = torch.tensor([[1.0, 0.5], [0.7, 0.49], [0.69, 0.1]])
    values = values if dim == 0 else values.T
    with RankingMargin() as ranking:
        values.topk(1, dim)
    assert ranking.margin == pytest.approx(0.01)
    with RankingMargin() as ranking:
        torch.topk(values[:1] if dim else values[:, :1], k=2, dim=dim)
    assert ranking.margin == pytest.approx(0.01)
    with RankingMargin() as ranking:
        torch.zeros(3, 3).topk(2)
    assert ranking.margin == 0.0
    with RankingMargin() as ranking:
        values.sort()
    assert ranking.margin == float("inf")
