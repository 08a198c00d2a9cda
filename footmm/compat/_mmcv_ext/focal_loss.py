"""Sigmoid focal loss (Lin et al., Focal Loss for Dense Object Detection, ICCV 2017) by torchvision.

mmdet's ``FocalLoss`` calls the extension for CUDA tensors only.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from footmm.compat._mmcv_ext.differentiation import gradients, to_computable


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Loss of each class as a question of its own.

    Args:
        input: (N, C) logits.
        target: (N,) classes; C is the background, which is none of them.
        weight: (C,) factors on the losses of the samples of a class, or empty. The background's is
            one; compiled mmcv reads it from behind the end of the tensor.
        output: (N, C), filled in place.
        gamma: How much classes that are right already count for less.
        alpha: Factor on the right class; the others have one minus it.
    """
    output.copy_(_losses(to_computable(input), target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Set the derivative of each loss by its logit in ``grad_input`` (N, C), in place."""

    def losses(logits: Tensor) -> Tensor:
        return _losses(logits, target, weight, gamma, alpha)

    grad_input.copy_(*gradients(losses, [input], torch.ones_like(input)))


def _losses(logits: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float) -> Tensor:
    classes = torch.arange(logits.shape[1], device=target.device)
    is_class = (target[:, None] == classes).to(logits)
    losses = sigmoid_focal_loss(logits, is_class, alpha, gamma)
    if not weight.numel():
        return losses
    return losses * F.pad(weight, (0, 1), value=1.0)[target, None]
