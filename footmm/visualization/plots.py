"""The look of plots, drawn by matplotlib without its global state."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, FAINT, PAGE = "#21262b", "#6b737a", "#ffffff"
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"

#: Pixels an inch.
DPI = 100


def plot_figure(title: str, size: tuple[float, float]) -> Figure:
    """Return a figure that keeps its parts apart.

    Args:
        title: Above all axes.
        size: Width and height, inches.
    """
    figure = Figure(figsize=size, dpi=DPI, facecolor=PAGE, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
    figure.suptitle(title, fontsize=14, color=INK)
    return figure


def tidy(ax: Axes, notes: str = "") -> None:
    """Give axes the look of all plots, and write notes above them."""
    ax.set_title(notes, fontsize=11, color=FAINT)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=FAINT, alpha=0.25, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=11, colors=INK)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(size=12, color=INK)


def rendered(figure: Figure) -> np.ndarray:
    """Return a figure as RGB, uint8, ``(H, W, 3)``."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()
