"""Parts that models of several tasks share."""

from footmm.models.common.efficientnet_lite import EfficientNetLite
from footmm.models.common.feature_pyramid import FinestFeaturePyramid
from footmm.models.common.gather import gather_batch, gather_with_gradient
from footmm.models.common.predictions import set_predictions
from footmm.models.common.pretrained import PretrainedMixin, fetch_checkpoint

__all__ = [
    "EfficientNetLite",
    "FinestFeaturePyramid",
    "PretrainedMixin",
    "fetch_checkpoint",
    "gather_batch",
    "gather_with_gradient",
    "set_predictions",
]
