"""Loss on the homography that predicted keypoints amount to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.errors import ConfigError, did_you_mean
from footmm.models.losses.reduction import full_precision, weighted_mean
from footmm.pitch.homography import apply_homography, fit_homography
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import MODELS

_SHARPNESS = 2.0
"""Exponent of the heights in the soft-argmax.

Squared, the background weighs nothing in a window, and Gaussians end well inside of it.
"""


@MODELS.register_module()
class ReprojectionLoss(nn.Module):
    """Error on the ground, in metres, of the homography through the predicted keypoints.

    Each map's keypoint is the mean of the pixels around its peak, weighted by squared height
    (local soft-argmax). Keypoints of the ground in view are fitted by a homography (weighted direct
    linear transformation), and its inverse takes their annotated pixels to the ground, where the
    distances to their true places are the errors: what a user of the homography gets wrong.

    Heights of the peaks are the confidences of keypoints. They are the weights of the fit, and a
    frame's loss is multiplied by their mean: the maps of a network that has just begun are noise,
    and so are their homographies, which must not disturb what :class:`KeypointHeatmapLoss` teaches.
    Confidences are taken as given, without gradient, or the loss would be lowered by lowering them.
    Errors beyond ``max_error`` count as that and have no gradient, as do pixels at or above the
    predicted horizon: they come from a false peak, which no shift of peaks cures. Frames whose
    points do not fix a homography take no part.

    Near the border of a map, windows shrink on both sides alike: a lopsided one would move the
    keypoint inwards by a pixel or more, a small one leaves it within half a pixel.

    Args:
        keypoint_set: Name in :data:`footmm.pitch.keypoints.KEYPOINT_SETS`.
        beta: Metres up to which the loss is quadratic, then linear.
        max_error: Metres from which on it is constant.
        radius: Half the side of the soft-argmax's window in pixels of the heatmap: two and a half
            standard deviations of the target's Gaussians.
        loss_weight: Factor on the result.

    Raises:
        ConfigError: There is no such keypoint set.
    """

    def __init__(
        self,
        keypoint_set: str,
        beta: float = 0.5,
        max_error: float = 5.0,
        radius: int = 5,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if keypoint_set not in KEYPOINT_SETS:
            raise ConfigError(
                f"ReprojectionLoss: keypoint_set={keypoint_set!r} is none of "
                f"{', '.join(KEYPOINT_SETS)}{did_you_mean(keypoint_set, KEYPOINT_SETS)}"
            )
        world = torch.from_numpy(KEYPOINT_SETS[keypoint_set].world())
        self.keypoint_set = keypoint_set
        self.beta = beta
        self.max_error = max_error
        self.radius = radius
        self.loss_weight = loss_weight
        self.register_buffer("on_ground", world[:, 2] == 0, persistent=False)
        self.register_buffer("ground", world[self.on_ground, :2], persistent=False)

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Mean loss over the points in view.

        Args:
            pred: Logits of the heatmaps, shape (N, K, h, w), as in :class:`KeypointHeatmapLoss`.
            target: True keypoints, shape (N, K, 2), pixels of the HEATMAP: pixels of the input
                divided by the codec's ``scale_factor``. Those of weight zero may be anything.
            weight: 1 where a keypoint is in view and known to be, else 0, shape (N, K).

        Returns:
            Scalar; a zero with graph where no frame has a homography.

        Raises:
            ConfigError: The maps are not those of the keypoint set.
        """
        if pred.shape[1] != len(self.on_ground):
            raise ConfigError(
                f"ReprojectionLoss: {pred.shape[1]} heatmaps do not fit keypoint_set="
                f"{self.keypoint_set!r}, which has {len(self.on_ground)} keypoints"
            )
        pred = full_precision(pred)[:, self.on_ground]
        target, weight = target[:, self.on_ground].double(), weight[:, self.on_ground].double()
        points, confidences = local_soft_argmax(pred, self.radius)
        seen = weight > 0
        fit = fit_homography(self.ground, points, weight * confidences)
        # An exact zero of the gradient needs harmless numbers in the frames that are left out.
        valid = fit.valid[:, None]
        homography = torch.where(valid[..., None], fit.homography, torch.eye(3).to(target))
        target = torch.where((seen & valid)[..., None], target, 0.0)
        losses = self._losses(homography, target)
        gate = (weight * confidences).sum(1) / weight.sum(1).clamp(min=1.0)
        mean = weighted_mean((gate[:, None] * losses).flatten(), (weight * valid).flatten())
        return self.loss_weight * mean.to(pred.dtype)

    def _losses(self, homography: Tensor, target: Tensor) -> Tensor:
        """Loss ``(N, G)`` of the ground points under homographies ``(N, 3, 3)``."""
        mapped = apply_homography(torch.linalg.inv(homography), target)
        below_horizon = mapped.isfinite().all(-1)
        offsets = torch.where(below_horizon[..., None], mapped - self.ground, 0.0)
        errors = torch.linalg.vector_norm(offsets, dim=-1)
        errors = torch.where(below_horizon, errors, self.max_error).clamp(max=self.max_error)
        return F.smooth_l1_loss(errors, torch.zeros_like(errors), reduction="none", beta=self.beta)


def local_soft_argmax(logits: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """The place of each map's peak, differentiable, and its height.

    Args:
        logits: Heatmaps ``(N, K, h, w)`` before the sigmoid.
        radius: Half the side of the window around the highest pixel.

    Returns:
        Places ``(N, K, 2)`` in pixels, and heights ``(N, K)`` from 0 to 1, without gradient.
    """
    height, width = logits.shape[-2:]
    flat = logits.flatten(2)
    highest, index = flat.detach().max(-1)
    peak_x, peak_y = index % width, index // width
    steps = torch.arange(-radius, radius + 1, device=logits.device)
    inside_x, inside_y = (
        steps.abs() <= torch.minimum(peak, size - 1 - peak)[..., None]
        for peak, size in ((peak_x, width), (peak_y, height))
    )
    x = (peak_x[..., None] + steps).clamp(0, width - 1)
    y = (peak_y[..., None] + steps).clamp(0, height - 1)
    window = flat.gather(2, (y[..., :, None] * width + x[..., None, :]).flatten(2))
    inside = (inside_y[..., :, None] & inside_x[..., None, :]).flatten(2)
    sharpened = (_SHARPNESS * F.logsigmoid(window)).masked_fill(~inside, -torch.inf)
    share = sharpened.softmax(-1).unflatten(-1, (len(steps), len(steps)))
    place_x, place_y = (share.sum(-2) * x).sum(-1), (share.sum(-1) * y).sum(-1)
    return torch.stack([place_x, place_y], -1), highest.sigmoid()
