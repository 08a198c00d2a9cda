"""A window, or a notebook's output, in which pictures are shown one after the other."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt

from footmm.errors import ConfigError

_NAME = "footmm"

#: Backends of matplotlib that draw into files only.
_FILE_BACKENDS = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}


class PictureWindow:
    """Shows pictures through matplotlib: OpenCV is installed without windows.

    Raises:
        ConfigError: matplotlib has no backend that shows anything here.
    """

    def __init__(self) -> None:
        try:
            backend = plt.get_backend()
        except ImportError as error:
            raise ConfigError(f"show=True: {error}; {_ADVICE}") from error
        if backend.lower() in _FILE_BACKENDS:
            raise ConfigError(
                f"show=True: matplotlib's backend here is '{backend}', which has no window; "
                f"{_ADVICE}"
            )

    def show(self, picture: np.ndarray) -> None:
        """Show a picture in place of the one before.

        Args:
            picture: ``(H, W, 3)`` uint8, (blue, green, red).
        """
        height, width = picture.shape[:2]
        # Not in front of what the user is working on, again with every frame.
        with plt.rc_context({"figure.raise_window": False}):
            figure = plt.figure(_NAME, figsize=(12, 12 * height / width), clear=True)
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            axes.imshow(picture[..., ::-1])
            plt.show(block=False)
            plt.pause(1e-3)


_ADVICE = (
    "write pictures with out_dir instead, work where there is a display or in a notebook, or "
    "install a backend with windows (apt-get install python3-tk, pip install PyQt6)"
)
