"""Parts that models of several tasks share."""

from footmm.models.common.gather import gather_batch, gather_with_gradient
from footmm.models.common.pretrained import PretrainedMixin, fetch_checkpoint

__all__ = ["PretrainedMixin", "fetch_checkpoint", "gather_batch", "gather_with_gradient"]
