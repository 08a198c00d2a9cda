"""Pictures of movements: where agents were, went and were predicted to go, seen from above.

All pictures are RGB, uint8, drawn by matplotlib without its global state on mplsoccer's pitch. The
colours can be told apart by those who do not see all of them. Agents that are missing are left out,
and so are the parts of a path in which they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer

from footmm.evaluation.functional import (
    BASELINES,
    average_displacement,
    constant_velocity,
    final_displacement,
)
from footmm.registry import VISUALIZERS
from footmm.structures.agent_tracks import AWAY, BALL, HOME
from footmm.structures.predicted_trajectories import PredictedTrajectories
from footmm.visualization.animation import write_animation
from footmm.visualization.plots import (
    BLUE,
    DPI,
    FAINT,
    GREEN,
    INK,
    PAGE,
    PITCH_MARGIN,
    VERMILION,
    counted,
    draw_pitch_plan,
    plot_figure,
    rendered,
    tidy,
)

TEAM_COLORS: Mapping[int, str] = {HOME: BLUE, AWAY: VERMILION, BALL: INK}
TEAM_NAMES: Mapping[int, str] = {HOME: "home, attacks to the right", AWAY: "away", BALL: "ball"}

#: Name, colour and dashes of each curve of errors.
_CURVES: Mapping[str, tuple[str, str, Any]] = {
    "model": ("model", BLUE, "solid"),
    "constant_velocity": ("constant velocity", VERMILION, (0, (6, 2))),
    "kalman": ("Kalman filter", GREEN, (0, (4, 1.5, 1, 1.5))),
    "stand_still": ("standing still", FAINT, (0, (1.2, 1.4))),
}

#: Pixels: the width of a pitch, a row of text, the lines above a pitch, the gaps.
_PANEL_WIDTH, _SMALL_PANEL_WIDTH, _ANIMATION_WIDTH = 860, 620, 900
_ROW, _CAPTION, _GAP = 34, 50, 18
#: Pixels that the teams need in the legend, and a stroke on average.
_TEAMS_WIDTH, _STROKE_WIDTH = 450, 220
_PLOT_SIZE = (11.0, 4.8)

#: Characters of a match's name that the smallest pitch has room for.
_MAX_NAME = 32

#: Seconds that a trail of the animation lasts, and for which its last frame is held.
_TRAIL_S, _HOLD_S = 1.6, 1.5


class _Stroke(NamedTuple):
    """How a kind of path is drawn.

    Attributes:
        label: In the legend.
        width: Of the line, points.
        dashes: Of matplotlib.
        marker: At the end, of matplotlib; empty for none.
        marker_size: Points.
        hollow: Whether the marker is a mere outline.
        tint: Share of white in the colour.
        alpha: Of the line.
        zorder: Of matplotlib.
    """

    label: str
    width: float
    dashes: Any = "solid"
    marker: str = ""
    marker_size: float = 6.5
    hollow: bool = False
    tint: float = 0.0
    alpha: float = 1.0
    zorder: float = 5.0

    def color(self, team: int) -> tuple[float, float, float]:
        """The colour of a team."""
        return tuple(self.tint + (1 - self.tint) * np.array(to_rgb(TEAM_COLORS[team])))

    def mark(self, color: Any) -> dict[str, Any]:
        """The look of the marker, for ``Line2D``."""
        return dict(
            marker=self.marker,
            markersize=self.marker_size,
            markerfacecolor=PAGE if self.hollow else color,
            markeredgecolor=color if self.hollow else PAGE,
            markeredgewidth=1.2 if self.hollow else 0.7,
        )


_OBSERVED = _Stroke("observed", 1.8, marker="o")
_TRUE = _Stroke("true future", 1.2, (0, (3, 1.6)), marker="o", marker_size=4.5, hollow=True)
_PREDICTED = _Stroke(
    "most probable prediction", 2.6, marker="D", marker_size=4.5, tint=0.4, zorder=3.0
)
_OTHER = _Stroke("other predictions, faint if improbable", 0.9, tint=0.4, zorder=2.0)
_TRUE_NOW = _Stroke("true", 1.8, marker="o", marker_size=7.0)
#: Larger and below, so that it shows as a frame around the truth where they agree.
_PREDICTED_NOW = _Stroke(
    "most probable prediction",
    1.8,
    marker="D",
    marker_size=8.5,
    hollow=True,
    tint=0.25,
    zorder=4.0,
)


@VISUALIZERS.register_module()
class TrajectoryVisualizer(Visualizer):
    """Draws forecasts on the pitch, and plots their errors beside those of rules of thumb.

    Args:
        num_samples: Windows of the sheet; the plot is over all samples.
        name: Of the instance, for MMEngine's ``get_instance``.
        **kwargs: See MMEngine's ``Visualizer``.
    """

    def __init__(self, num_samples: int = 6, name: str = "visualizer", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.num_samples = num_samples

    def draw_samples(
        self, data_samples: Sequence[Mapping[str, Any] | BaseDataElement]
    ) -> dict[str, np.ndarray]:
        """Draw some windows, up to half of them the worst, and plot the errors of all.

        Args:
            data_samples: Predicted windows.

        Returns:
            RGB, uint8, shape (H, W, 3); nothing without samples:

            * ``forecasts``: true and predicted paths of some windows;
            * ``errors_by_horizon``: mean errors of the model and of the baselines by the time
              ahead; only where the future of a player is known.

        Raises:
            DataFormatError: A sample lacks a key.
        """
        windows = [PredictedTrajectories.from_sample(sample) for sample in data_samples]
        if not windows:
            return {}
        errors = np.array([forecast_error(window) for window in windows])
        chosen = choose_windows(errors, self.num_samples)
        title = f"Forecasts of {len(chosen)} of {counted(len(windows), 'window')}, first the worst"
        pictures = {"forecasts": draw_forecasts([windows[i] for i in chosen], title)}
        if np.isfinite(errors).any():
            pictures["errors_by_horizon"] = draw_errors_by_horizon(windows)
        return pictures

    def draw_dataset_sample(self, image: np.ndarray | None, sample: BaseDataElement) -> np.ndarray:
        """Draw a window that has been through a pipeline.

        Args:
            image: Any shape, not used: the model's input is no image.
            sample: The window.

        Returns:
            RGB, uint8, ``(H, W, 3)``.
        """
        positions, present = np.asarray(sample.positions), np.asarray(sample.present)
        team, observed = np.asarray(sample.team), sample.num_observed

        def draw(ax: Axes) -> None:
            _draw_trails(ax, positions[:observed], present[:observed], team, _OBSERVED)
            future = slice(observed - 1, None)
            _draw_paths(ax, positions[future], present[future], team, _TRUE)

        panel = _Panel(draw, sample.pitch_size, _name(sample.match, sample.frame_ids))
        return _draw_sheet([panel], "", [_OBSERVED, _TRUE])


def forecast_error(window: PredictedTrajectories, prediction: np.ndarray | None = None) -> float:
    """Average displacement error of a window's players over its whole future.

    Args:
        window: The window.
        prediction: ``(F, A, 2)``, metres; the most probable future without it.

    Returns:
        Metres; nan where the future of no player is known.
    """
    prediction = window.most_probable if prediction is None else prediction
    errors = average_displacement(*_player_paths(window, prediction), [window.duration_s])
    total, count = errors.of_future(0)
    return float(total[0] / count[0]) if count[0] else float("nan")


def baseline_error(window: PredictedTrajectories) -> float:
    """The :func:`forecast_error` of constant velocity."""
    positions, present = _observed(window)
    path = constant_velocity(positions, present, len(window.future), window.rate)
    return forecast_error(window, path)


def choose_windows(errors: np.ndarray, count: int) -> list[int]:
    """Choose windows to draw: first the worst, half of them, then some spread over the rest.

    Args:
        errors: ``(N,)``, of the windows; nan where not known.
        count: Windows to choose; all if there are fewer.

    Returns:
        Their numbers.
    """
    known = np.flatnonzero(np.isfinite(errors))
    worst = known[np.argsort(-errors[known], kind="stable")][: count // 2]
    rest = np.setdiff1d(np.arange(len(errors)), worst)
    free = min(count - len(worst), len(rest))
    spread = rest[np.arange(free) * len(rest) // max(free, 1)]
    return [*worst.tolist(), *spread.tolist()]


def draw_forecast(window: PredictedTrajectories) -> np.ndarray:
    """Draw the observed, true and predicted paths of a window.

    Args:
        window: The window.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    return draw_forecasts([window])


def draw_forecasts(windows: Sequence[PredictedTrajectories], title: str = "") -> np.ndarray:
    """Draw the observed, true and predicted paths of windows, two in a row.

    Args:
        windows: At least one.
        title: Written above them.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    strokes = [_OBSERVED, _TRUE, _PREDICTED]
    if any(len(window.scores) > 1 for window in windows):
        strokes.append(_OTHER)
    return _draw_sheet([_forecast_panel(window) for window in windows], title, strokes)


def draw_similar_situations(
    query: PredictedTrajectories,
    matches: Sequence[PredictedTrajectories],
    distances: Sequence[float],
) -> np.ndarray:
    """Draw all frames of a window and of those that are like it, three in a row.

    Args:
        query: The window.
        matches: Others, the most similar first.
        distances: Cosine distances from the query to these.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    panels = [_movement_panel(query, "query", query.source)]
    for rank, (window, distance) in enumerate(zip(matches, distances, strict=True), start=1):
        notes = f"{window.source}, cosine distance {distance:.4f}"
        panels.append(_movement_panel(window, f"#{rank}", notes))
    seconds = (len(query.positions) - 1) / query.rate
    title = f"The situations most like the query: {seconds:.1f} s each, dots where they end"
    return _draw_sheet(panels, title, [], columns=3, width=_SMALL_PANEL_WIDTH)


def draw_errors_by_horizon(windows: Sequence[PredictedTrajectories]) -> np.ndarray:
    """Plot the players' ADE and FDE of the model and of the baselines by the time ahead.

    Args:
        windows: At least one; the shortest future is the end of the plot.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    horizons = _common_horizons(windows)
    title = f"Errors of predicted paths, {counted(len(windows), 'window')}, players only"
    figure = plot_figure(title, _PLOT_SIZE)
    axes = figure.subplots(1, 2)
    for name, errors in _mean_errors(windows, horizons).items():
        label, color, dashes = _CURVES[name]
        style = dict(color=color, linestyle=dashes, linewidth=2.8 if name == "model" else 1.8)
        for ax, values in zip(axes, errors, strict=True):
            ax.plot(np.append(0, horizons), np.append(0, values), label=label, **style)
    axes[0].set_ylabel("ADE: mean error up to then (m)")
    axes[1].set_ylabel("FDE: error at that time (m)")
    for ax in axes:
        ax.set(xlim=(0, horizons[-1]), xlabel="time ahead (s)")
        ax.set_ylim(bottom=0)
        tidy(ax)
    handles, labels = axes[0].get_legend_handles_labels()
    place = dict(loc="outside lower center", ncols=len(labels), frameon=False)
    figure.legend(handles, labels, fontsize=11, labelcolor=INK, handlelength=3, **place)
    return rendered(figure)


def animate_forecast(window: PredictedTrajectories, path: str | os.PathLike[str]) -> None:
    """Write a window's true and predicted movements as an animation, at the window's rate.

    Args:
        window: The window.
        path: A ``.gif`` or ``.mp4``; it has its old content or the new one, never a part of it.

    Raises:
        ConfigError: The file has another suffix, or it cannot be written.
    """
    write_animation(path, _animation_frames(window), window.rate)


class _Panel(NamedTuple):
    """A pitch of a sheet: what draws on it, its length and width, and two lines above it."""

    draw: Callable[[Axes], None]
    pitch_size: tuple[float, float]
    title: str
    notes: str = ""


def _forecast_panel(window: PredictedTrajectories) -> _Panel:
    notes = (
        f"ADE of the players over {window.duration_s:.1f} s: {forecast_error(window):.2f} m, of "
        f"constant velocity: {baseline_error(window):.2f} m"
    )
    if not window.scored[:, window.team != BALL].any():
        notes = "the future of no player is known"
    title = _name(window.match, window.frame_ids)
    return _Panel(lambda ax: _draw_forecast(ax, window), window.pitch_size, title, notes)


def _movement_panel(window: PredictedTrajectories, name: str, notes: str) -> _Panel:
    def draw(ax: Axes) -> None:
        _draw_trails(ax, window.positions, window.present, window.team, _OBSERVED)

    title = f"{name}:  {_name(window.match, window.frame_ids)}"
    return _Panel(draw, window.pitch_size, title, notes)


def _draw_forecast(ax: Axes, window: PredictedTrajectories) -> None:
    shown = window.present[window.num_observed - 1]
    positions, present = window.positions[:, shown], window.present[:, shown]
    team, observed = window.team[shown], window.num_observed
    _draw_trails(ax, positions[:observed], present[:observed], team, _OBSERVED)
    # Paths into the future begin where the agents were last.
    _draw_paths(ax, positions[observed - 1 :], present[observed - 1 :], team, _TRUE)
    likely = window.scores.argmax()
    for number, path in enumerate(window.predictions[:, :, shown]):
        stroke = _PREDICTED
        if number != likely:
            share = float(window.scores[number] / window.scores[likely])
            stroke = _OTHER._replace(alpha=0.25 + 0.65 * share)
        joined = np.concatenate([positions[observed - 1 : observed], path])
        _draw_paths(ax, joined, np.ones(joined.shape[:2], bool), team, stroke)


def _draw_trails(
    ax: Axes, positions: np.ndarray, present: np.ndarray, team: np.ndarray, stroke: _Stroke
) -> None:
    """Draw paths that fade into the past, and marks in the last frame.

    Args:
        ax: In metres.
        positions: ``(T, A, 2)``, metres.
        present: ``(T, A)`` bool.
        team: ``(A,)``.
        stroke: How.
    """
    known = present[:-1] & present[1:]
    steps = np.stack([positions[:-1], positions[1:]], axis=2)[known]
    frame, agent = np.nonzero(known)
    colors = np.array([stroke.color(number) for number in team]).reshape(-1, 3)
    strength = 0.1 + 0.9 * ((frame + 1) / len(positions)) ** 1.5
    style = dict(linewidths=stroke.width, zorder=stroke.zorder)
    ax.add_collection(
        LineCollection(steps, colors=np.column_stack([colors[agent], strength]), **style)
    )
    for number in TEAM_COLORS:
        _draw_marks(ax, positions[-1, present[-1] & (team == number)], number, stroke)


def _draw_paths(
    ax: Axes, positions: np.ndarray, known: np.ndarray, team: np.ndarray, stroke: _Stroke
) -> None:
    """Draw paths ``(F, A, 2)``, broken where they are not known, and marks in the last frame."""
    shown = np.where(known[..., None], positions, np.nan)
    style = dict(
        linewidth=stroke.width, linestyle=stroke.dashes, alpha=stroke.alpha, zorder=stroke.zorder
    )
    for number in TEAM_COLORS:
        paths = shown[:, team == number]
        ax.plot(*np.moveaxis(paths, -1, 0), color=stroke.color(number), **style)
        if stroke.marker:
            _draw_marks(ax, paths[-1], number, stroke)


def _draw_marks(ax: Axes, places: np.ndarray, team: int, stroke: _Stroke) -> None:
    mark = stroke.mark(stroke.color(team))
    ax.plot(*places.T, linestyle="none", zorder=stroke.zorder + 0.5, **mark)


def _draw_sheet(
    panels: Sequence[_Panel],
    title: str,
    strokes: Sequence[_Stroke],
    columns: int = 2,
    width: int = _PANEL_WIDTH,
) -> np.ndarray:
    """Draw pitches in rows under a title and a legend.

    Args:
        panels: The pitches.
        title: Above all; empty for none.
        strokes: Explained in the legend, as the teams are.
        columns: Pitches in a row.
        width: Of a pitch, pixels.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    height = max(_pitch_height(panel.pitch_size, width) for panel in panels)
    page_width = _GAP + columns * (width + _GAP)
    header = (bool(title) + len(_legend_rows(strokes, page_width))) * _ROW
    page_height = header + rows * (_CAPTION + height + _GAP)
    figure = Figure(figsize=(page_width / DPI, page_height / DPI), dpi=DPI, facecolor=PAGE)
    _write_header(figure, title, strokes)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        left = _GAP + column * (width + _GAP)
        bottom = page_height - header - (row + 1) * (_CAPTION + height) - row * _GAP
        place = left / page_width, bottom / page_height, width / page_width, height / page_height
        ax = figure.add_axes(place)
        draw_pitch_plan(ax, panel.pitch_size)
        ax.set_anchor("N")
        panel.draw(ax)
        _write_caption(ax, panel)
    return rendered(figure)


def _write_header(figure: Figure, title: str, strokes: Sequence[_Stroke]) -> None:
    """Write the title into the left upper corner, and the legend below it."""
    width, height = figure.get_size_inches() * DPI
    left, top = _GAP / width, 1 - 0.3 * _ROW / height
    if title:
        figure.text(left, top, title, fontsize=15, color=INK, va="top")
        top -= _ROW / height
    for row, handles in enumerate(_legend_rows(strokes, width)):
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(left, top - row * _ROW / height),
            ncols=len(handles),
            fontsize=11,
            labelcolor=INK,
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            handletextpad=0.5,
            columnspacing=1.5,
        )


def _legend_rows(strokes: Sequence[_Stroke], page_width: float) -> list[list[Line2D]]:
    """Explain the teams and the strokes, in one row where there is room for it."""
    teams = [
        Line2D([], [], linestyle="none", label=name, **_OBSERVED.mark(TEAM_COLORS[team]))
        for team, name in TEAM_NAMES.items()
    ]
    lines = []
    for stroke in strokes:
        style = dict(linewidth=stroke.width, linestyle=stroke.dashes, **stroke.mark(FAINT))
        lines.append(Line2D([], [], label=stroke.label, color=FAINT, **style))
    if not lines or page_width >= _TEAMS_WIDTH + len(lines) * _STROKE_WIDTH:
        return [teams + lines]
    return [teams, lines]


def _write_caption(ax: Axes, panel: _Panel) -> None:
    points = 72 / DPI
    for text, height, size, color in ((panel.title, 29, 12, INK), (panel.notes, 9, 11, FAINT)):
        place = dict(xycoords="axes fraction", textcoords="offset points")
        ax.annotate(text, (0, 1), (0, height * points), color=color, fontsize=size, **place)


def _animation_frames(window: PredictedTrajectories) -> Iterator[np.ndarray]:
    """Draw a picture of each frame; the last one is repeated for as long as it is held."""
    # Video codecs want even numbers of pixels.
    height = 2 * round(_pitch_height(window.pitch_size, _ANIMATION_WIDTH) / 2)
    page_height = height + 2 * _ROW
    figure = Figure(figsize=(_ANIMATION_WIDTH / DPI, page_height / DPI), dpi=DPI, facecolor=PAGE)
    _write_header(figure, " ", [_TRUE_NOW, _PREDICTED_NOW])
    title = figure.texts[0]
    ax = figure.add_axes((0, 0, 1, height / page_height))
    draw_pitch_plan(ax, window.pitch_size)
    background = set(ax.get_children())
    for frame in range(len(window.positions)):
        for artist in set(ax.get_children()) - background:
            artist.remove()
        title.set_text(_moment_title(window, frame))
        _draw_moment(ax, window, frame)
        yield (picture := rendered(figure))
    for _ in range(round(_HOLD_S * window.rate)):
        yield picture


def _draw_moment(ax: Axes, window: PredictedTrajectories, frame: int) -> None:
    """Draw where everybody is in a frame, is predicted to be, and came from."""
    first = max(frame - round(_TRAIL_S * window.rate), 0)
    seen = slice(first, frame + 1)
    _draw_trails(ax, window.positions[seen], window.present[seen], window.team, _TRUE_NOW)
    if frame < window.num_observed:
        return
    shown = window.present[window.num_observed - 1]
    predicted = np.concatenate([_observed(window)[0], window.most_probable])[:, shown]
    begin = max(first, window.num_observed - 1)
    trail, team = predicted[begin : frame + 1], window.team[shown]
    _draw_trails(ax, trail, np.ones(trail.shape[:2], bool), team, _PREDICTED_NOW)
    both = window.present[frame, shown]
    gaps = np.stack([window.positions[frame, shown], predicted[frame]], axis=1)[both]
    ax.add_collection(LineCollection(gaps, colors=FAINT, linewidths=0.9, zorder=3))


def _moment_title(window: PredictedTrajectories, frame: int) -> str:
    name = f"{_short(window.match)}, frame {window.frame_ids[frame]}"
    ahead = (frame - window.num_observed + 1) / window.rate
    if ahead <= 0:
        return f"{name}: {ahead:.1f} s, observed"
    future = frame - window.num_observed
    counts = window.scored[future] & (window.team != BALL)
    errors = np.linalg.norm(window.most_probable[future] - window.future[future], axis=-1)[counts]
    text = f", players {errors.mean():.1f} m off" if len(errors) else ""
    return f"{name}: {ahead:+.1f} s{text}"


def _common_horizons(windows: Sequence[PredictedTrajectories]) -> np.ndarray:
    """Times ahead, seconds, that all windows reach: of the frames of the shortest future."""
    shortest = min(windows, key=lambda window: window.duration_s)
    times = np.arange(1, len(shortest.future) + 1) / shortest.rate
    return times[times >= max(1 / window.rate for window in windows)]


def _mean_errors(
    windows: Sequence[PredictedTrajectories], horizons: np.ndarray
) -> dict[str, np.ndarray]:
    """ADE and FDE ``(2, H)``, metres, of the model and of each baseline."""
    sums = {name: np.zeros((2, 2, len(horizons))) for name in ("model", *BASELINES)}
    for window in windows:
        observed = *_observed(window), len(window.future), window.rate
        predictions = {name: baseline(*observed) for name, baseline in BASELINES.items()}
        for name, prediction in ({"model": window.most_probable} | predictions).items():
            paths = _player_paths(window, prediction)
            errors = (average_displacement(*paths, horizons), final_displacement(*paths, horizons))
            sums[name] += [error.of_future(0) for error in errors]
    # Where there is nothing to score, a curve has a gap.
    with np.errstate(invalid="ignore"):
        return {name: total[:, 0] / total[:, 1] for name, total in sums.items()}


def _observed(window: PredictedTrajectories) -> tuple[np.ndarray, np.ndarray]:
    """Positions and presence in the observed frames."""
    return window.positions[: window.num_observed], window.present[: window.num_observed]


def _player_paths(
    window: PredictedTrajectories, prediction: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """What errors are measured on: one future, the true one, what is scored, and the rate."""
    players = window.team != BALL
    future, scored = window.future[:, players], window.scored[:, players]
    return prediction[None, :, players], future, scored, window.rate


def _name(match: str, frame_ids: np.ndarray) -> str:
    return f"{_short(match)}, frames {frame_ids[0]} to {frame_ids[-1]}"


def _short(match: str) -> str:
    half = _MAX_NAME // 2
    return match if len(match) <= _MAX_NAME else f"{match[:half]} … {match[-half:]}"


def _pitch_height(size: tuple[float, float], width: int) -> int:
    """Pixels that a pitch of a size in metres needs if it is so wide."""
    length, breadth = (side + 2 * PITCH_MARGIN for side in size)
    return round(width * breadth / length)
