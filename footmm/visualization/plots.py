"""The look of plots, drawn by matplotlib without its global state."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, FAINT, PAGE = "#21262b", "#6b737a", "#ffffff"
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"

GRASS, CHALK = "#f6f8f6", "#bcc5bf"

#: Ground shown around a pitch, metres.
PITCH_MARGIN = 3.0

#: Pixels an inch.
DPI = 100

#: Inches of a plot that stands alone.
PLOT_SIZE = (9.6, 6.4)


class Page:
    """A figure on which parts are placed by pixels.

    Args:
        width: Pixels.
        height: Pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = np.array([width, height])
        self.figure = Figure(figsize=self._size / DPI, dpi=DPI, facecolor=PAGE)

    def part(self, left: int, top: int, size: tuple[int, int]) -> Axes:
        """Return axes without frame and ticks.

        Args:
            left: Pixels from the left edge.
            top: Pixels from the upper edge.
            size: Width and height, pixels.
        """
        corner = np.array([left, self._size[1] - top - size[1]])
        ax = self.figure.add_axes((*corner / self._size, *size / self._size), frameon=False)
        ax.set_axis_off()
        return ax


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


def unit_plot(title: str, notes: str) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes from 0 to 1.

    Args:
        title: Above the axes.
        notes: Between title and axes.
    """
    figure = plot_figure(title, PLOT_SIZE)
    ax = figure.subplots()
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    tidy(ax, notes)
    return figure, ax


def dot(color: str, marker: str = "o") -> dict[str, Any]:
    """Return how ``Axes.plot`` draws a point that stands out on a curve."""
    return dict(
        linestyle="none",
        marker=marker,
        markersize=9,
        markerfacecolor=color,
        markeredgecolor=INK,
        clip_on=False,
        zorder=4,
    )


def rendered_with_legend(figure: Figure, num_columns: int) -> np.ndarray:
    """Return a figure, as :func:`rendered`, with a legend where no curve can run into it."""
    figure.legend(
        loc="outside lower center", ncols=num_columns, frameon=False, fontsize=11, labelcolor=INK
    )
    return rendered(figure)


def draw_pitch_plan(ax: Axes, size: tuple[float, float]) -> None:
    """Draw a pitch in metres of the world frame, which mplsoccer's SkillCorner pitch has too.

    Args:
        ax: Where to draw.
        size: Length and width, metres.
    """
    # Costs a second, and few users of this package draw.
    from mplsoccer import Pitch

    pitch = Pitch(
        pitch_type="skillcorner",
        pitch_length=size[0],
        pitch_width=size[1],
        pitch_color=GRASS,
        line_color=CHALK,
        linewidth=1.2,
        goal_type="box",
        corner_arcs=True,
        **dict.fromkeys(("pad_left", "pad_right", "pad_bottom", "pad_top"), PITCH_MARGIN),
    )
    pitch.draw(ax=ax)
    ax.set_autoscale_on(False)


def counted(number: int, noun: str, plural: str = "s") -> str:
    """Write a number of things, e.g. ``1,000 frames``."""
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def rendered(figure: Figure) -> np.ndarray:
    """Return a figure as RGB, uint8, ``(H, W, 3)``."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()
