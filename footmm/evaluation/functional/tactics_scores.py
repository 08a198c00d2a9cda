"""Scores of classifications, and players assigned to the slots of a formation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

#: In place of the logarithm of a probability of zero.
_LEAST = 1e-12


def confusion_matrix(labels: np.ndarray, found: np.ndarray, num_classes: int) -> np.ndarray:
    """Count answers.

    Args:
        labels: ``(N,)`` int64, the truth.
        found: ``(N,)`` int64, the answers.
        num_classes: Number of classes, C.

    Returns:
        ``(C, C)`` int64, true classes by found ones.
    """
    counts = np.bincount(labels * num_classes + found, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def accuracy(confusion: np.ndarray) -> float:
    """Share of right answers; nan where there are none.

    Args:
        confusion: ``(C, C)``, see :func:`confusion_matrix`.
    """
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else float("nan")


def macro_f1(confusion: np.ndarray) -> float:
    """Mean F1 of the classes that occur, as labels or as answers; nan where there are none.

    Args:
        confusion: ``(C, C)``, see :func:`confusion_matrix`; or ``(C, C + 1)``, where the last
            column holds answers that are no class.
    """
    occurring = confusion.sum(0)[: len(confusion)] + confusion.sum(1)
    known = occurring > 0
    if not known.any():
        return float("nan")
    return float((2 * np.diag(confusion)[known] / occurring[known]).mean())


def assign_roles(role_scores: np.ndarray, slot_roles: Sequence[int]) -> np.ndarray:
    """Give players of a team the roles of a formation's slots, each slot once.

    Args:
        role_scores: ``(P, R)``, probabilities of the players' roles; P at most the slots' number.
        slot_roles: Roles of the slots.

    Returns:
        ``(P,)`` int64, the roles whose joint probability is highest.
    """
    roles = np.asarray(slot_roles)
    cost = -np.log(np.maximum(role_scores[:, roles], _LEAST))
    players, slots = linear_sum_assignment(cost)
    assigned = np.zeros(len(role_scores), np.int64)
    assigned[players] = roles[slots]
    return assigned
