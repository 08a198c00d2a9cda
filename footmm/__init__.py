"""footmm: an open toolbox for football vision and tracking on MMEngine."""

from footmm.compat.mmcv_ops import install_mmcv_ops_fallback

__version__ = "0.1.0"

# mmdet and mmpose import ``mmcv.ops`` at import time, so the stand-in has to be in place before
# anybody, footmm or a user's own script, imports them.
install_mmcv_ops_fallback()
