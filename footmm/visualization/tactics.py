"""Pictures of tactics: who plays where, who listens to whom, and what a team is about when.

All pictures are RGB, uint8, drawn by matplotlib without its global state. The colours can be told
apart by those who do not see all of them. Vermilion is kept for what is wrong, so the away team is
green here. Players whom nobody saw are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer

from footmm.datasets.tactics.labels import no_labels
from footmm.evaluation.functional.tactics_scores import accuracy, confusion_matrix
from footmm.registry import VISUALIZERS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.agent_tracks import AWAY, BALL, HOME
from footmm.structures.tactical_window import TacticalWindow
from footmm.visualization.plots import (
    BLUE,
    DPI,
    FAINT,
    GRASS,
    GREEN,
    INK,
    PAGE,
    PITCH_MARGIN,
    VERMILION,
    Page,
    counted,
    draw_pitch_plan,
    plot_figure,
    rendered,
    tidy,
)

TEAM_COLORS: Mapping[int, str] = {HOME: BLUE, AWAY: GREEN, BALL: INK}
TEAM_NAMES: Mapping[int, str] = {HOME: "home", AWAY: "away", BALL: "ball"}

ROLE_CODES: Mapping[str, str] = {
    "goalkeeper": "GK",
    "right back": "RB",
    "centre back": "CB",
    "left back": "LB",
    "right wing back": "RWB",
    "left wing back": "LWB",
    "defensive midfield": "DM",
    "central midfield": "CM",
    "attacking midfield": "AM",
    "right midfield": "RM",
    "left midfield": "LM",
    "right wing": "RW",
    "left wing": "LW",
    "striker": "ST",
}
"""Short names of :data:`footmm.simulation.formations.ROLES`."""

FORMATION_NAMES = tuple(formation.name for formation in FORMATIONS)

#: Pixels: the width of a pitch, a row of text, the lines above a pitch, the gaps.
_PITCH_WIDTH, _WIDE_PITCH = 720, 1120
_ROW, _CAPTION, _GAP = 34, 50, 20

#: Points: a player's disc, its ring, what is written in it and beneath it.
_DISC, _RING, _CODE_SIZE, _NOTE_SIZE = 23.0, 2.6, 8.5, 8.0

#: Metres: the wide end of the strongest edge, and how far from its receiver it ends.
_EDGE_WIDTH, _EDGE_GAP = 2.0, 1.3

#: Inches of the timeline, and pixels of its axes that a character of a name needs.
_TIMELINE_SIZE, _TIMELINE_PIXELS, _CHARACTER = (14.0, 5.6), 1150, 9.0

#: Characters of a match's name that a pitch has room for.
_MAX_NAME = 36

_HALO = (withStroke(linewidth=2.5, foreground=GRASS),)


class _Classes(NamedTuple):
    """Names of classes and their colours in the timeline."""

    names: Sequence[str]
    colors: Sequence[str]


#: Pale, since names are written on them.
_FORMATIONS = _Classes(
    FORMATION_NAMES,
    (
        "#77aadd",
        "#ee8866",
        "#eedd88",
        "#ffaabb",
        "#99ddff",
        "#44bb99",
        "#bbcc33",
        "#c4c4c4",
    ),
)
#: Defending is warm, attacking is cold.
_STRATEGIES = _Classes(
    tuple(name.replace("_", " ") for name in STRATEGIES),
    (VERMILION, "#e69f00", "#f0e442", BLUE, "#56b4e9", "#8c5a83"),
)
_KINDS: Mapping[str, _Classes] = {"formation": _FORMATIONS, "strategy": _STRATEGIES}


class _Badge(NamedTuple):
    """What is drawn of a player.

    Attributes:
        place: Metres.
        code: Written in the disc.
        note: Written beneath it.
        ring: Colour of the disc's ring.
        note_color: Of the note.
    """

    place: np.ndarray
    code: str
    note: str
    ring: str
    note_color: str = FAINT


class _Strip(NamedTuple):
    """A row of the timeline: what is known of a team, as predicted or in truth."""

    kind: str
    team: int
    is_true: bool

    @property
    def height(self) -> float:
        if self.is_true:
            return 0.3
        return 0.9 if self.kind == "formation" else 0.7

    @property
    def label(self) -> str:
        return "true" if self.is_true else f"{TEAM_NAMES[self.team]} {self.kind}"


class _Run(NamedTuple):
    """A time in which a label stays the same."""

    start: float
    stop: float
    label: int


@VISUALIZERS.register_module()
class TacticsVisualizer(Visualizer):
    """Draws what teams played and what a model says they did.

    Args:
        num_samples: Windows of the sheet; other pictures are over more of them.
        name: Of the instance, for MMEngine's ``get_instance``.
        **kwargs: See MMEngine's ``Visualizer``.
    """

    def __init__(self, num_samples: int = 4, name: str = "visualizer", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.num_samples = num_samples

    def draw_samples(
        self, data_samples: Sequence[Mapping[str, Any] | BaseDataElement]
    ) -> dict[str, np.ndarray]:
        """Draw some windows, up to half of them with a wrong formation, and count all answers.

        Args:
            data_samples: Predicted windows.

        Returns:
            RGB, uint8, shape (H, W, 3); nothing without samples:

            * ``formations``: formations and roles of some windows;
            * ``attention``: who listens to whom at the end of the first of these;
            * ``timeline``: the match that has most windows;
            * ``formation_confusion``, ``strategy_confusion``: where labels are known.

        Raises:
            DataFormatError: A sample lacks a key.
        """
        windows = [TacticalWindow.from_sample(sample) for sample in data_samples]
        if not windows:
            return {}
        chosen = choose_windows(windows, max(self.num_samples, 1))
        number = f"{len(chosen)} of {counted(len(windows), 'window')}"
        pictures = {
            "formations": draw_formation_maps(chosen, f"Formations of {number}, wrong ones first"),
            "attention": draw_attention(chosen[0]),
            "timeline": draw_timeline(_longest_match(windows)),
        }
        for kind, classes in _KINDS.items():
            confusion = count_answers(windows, kind)
            if confusion.any():
                title = f"{kind.capitalize()}, {counted(len(windows), 'window')}"
                picture = draw_confusion(confusion, classes.names, title)
                pictures[f"{kind}_confusion"] = picture
        return pictures

    def draw_dataset_sample(self, image: np.ndarray | None, sample: BaseDataElement) -> np.ndarray:
        """Draw the labels of a window that has been through a pipeline.

        Args:
            image: Any shape, not used: the model's input is no image.
            sample: The window.

        Returns:
            RGB, uint8, ``(H, W, 3)``.
        """
        frames, agents = len(sample.graph_frames), len(sample.team)
        nothing = dict(
            pred_formation=np.full((2, len(FORMATIONS)), np.nan),
            pred_role=np.full((agents, len(ROLES)), np.nan),
            pred_strategy=np.full((frames, 2, len(STRATEGIES)), np.nan),
            pred_attention=np.zeros(0),
            graph_edges=np.zeros((2, 0), np.int64),
        )
        fields = {name: sample.get(name) for name in sample.all_keys()}
        known = no_labels(frames, agents) | fields | nothing
        return draw_formation_map(TacticalWindow.from_sample(known))


def choose_windows(windows: Sequence[TacticalWindow], count: int) -> list[TacticalWindow]:
    """Choose windows to draw: first wrong formations, up to half, then some spread over the rest.

    Args:
        windows: All windows.
        count: Windows to choose; all if there are fewer.
    """
    wrong = np.flatnonzero([_has_wrong_formation(window) for window in windows])
    first = wrong[: count // 2]
    rest = np.setdiff1d(np.arange(len(windows)), first)
    free = min(count - len(first), len(rest))
    spread = rest[np.arange(free) * len(rest) // max(free, 1)]
    return [windows[number] for number in (*first, *spread)]


def count_answers(windows: Sequence[TacticalWindow], kind: str) -> np.ndarray:
    """Count predicted classes where the true ones are known.

    Args:
        windows: The windows.
        kind: ``"formation"`` or ``"strategy"``.

    Returns:
        ``(C, C)`` int64, true classes by predicted ones.
    """
    num_classes = len(_KINDS[kind].names)
    confusion = np.zeros((num_classes, num_classes), np.int64)
    for window in windows:
        labels, known, scores = _answers(window, kind)
        confusion += confusion_matrix(labels[known], scores.argmax(-1)[known], num_classes)
    return confusion


def draw_formation_map(window: TacticalWindow, title: str = "") -> np.ndarray:
    """Draw the formation and the roles of both teams, each attacking to the right.

    A ring in the colour of the team is a right role, a vermilion one is wrong, with the true role
    in brackets. Where nothing is predicted (scores that are not numbers), the labels are drawn.

    Args:
        window: The window.
        title: Written above the pitches; empty for none.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    return draw_formation_maps([window], title)


def draw_formation_maps(windows: Sequence[TacticalWindow], title: str = "") -> np.ndarray:
    """Draw :func:`draw_formation_map` of windows, one below the other.

    Args:
        windows: At least one.
        title: Written above them; empty for none.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    height = max(_pitch_height(window, _PITCH_WIDTH) for window in windows)
    header = (bool(title) + 1) * _ROW + _GAP // 2
    row_height = _CAPTION + height + _GAP
    page = Page(_GAP + 2 * (_PITCH_WIDTH + _GAP), header + len(windows) * row_height)
    _write_header(page.figure, title, _role_handles(windows))
    for row, window in enumerate(windows):
        for column, team in enumerate(window.teams):
            left = _GAP + column * (_PITCH_WIDTH + _GAP)
            top = header + row * row_height + _CAPTION
            ax = page.part(left, top, (_PITCH_WIDTH, height))
            _draw_team(ax, window, team)
    return rendered(page.figure)


def draw_attention(window: TacticalWindow, num_edges: int = 60, frame: int = -1) -> np.ndarray:
    """Draw who listens to whom in a frame: edges that begin wide and end in a point.

    Args:
        window: The window.
        num_edges: Edges that are drawn, the strongest ones of the frame.
        frame: Number of the frame in the window; -1 is the last one.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    frame = frame % len(window.positions)
    edges, attention = _strongest_edges(window, frame, num_edges)
    height = _pitch_height(window, _WIDE_PITCH)
    page = Page(_WIDE_PITCH + 2 * _GAP, _ROW + _CAPTION + height + 2 * _GAP)
    _write_header(page.figure, "", [_team_handle(team) for team in TEAM_COLORS])
    ax = page.part(_GAP, _ROW + _CAPTION + _GAP, (_WIDE_PITCH, height))
    _draw_pitch(ax, window)
    _draw_edges(ax, window, frame, edges, attention)
    _draw_agents(ax, window, frame)
    notes = "no edges"
    if len(attention):
        notes = (
            f"the {counted(len(attention), 'strongest edge')}, from the wide end to who listens, "
            f"in the colour of who is listened to; attention {attention.min():.2f} to "
            f"{attention.max():.2f}"
        )
    _write_caption(ax, f"Attention: {_short(window.match)}, {_frame_name(window, frame)}", notes)
    return rendered(page.figure)


def draw_timeline(
    windows: Sequence[TacticalWindow], minutes: np.ndarray | None = None, title: str = ""
) -> np.ndarray:
    """Draw what the teams of a match played when, a pair of axes for each period.

    Where windows overlap, a time belongs to the window that ends first.

    Args:
        windows: Of one match, at least one.
        minutes: ``(N,)``, minutes of the match at the last frames of the N windows; frame numbers
            without it.
        title: Written above; the match without it.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    strips = list(_strips(windows))
    figure = plot_figure(title or f"What was played: {_short(windows[0].match)}", _TIMELINE_SIZE)
    periods = _periods(windows, minutes)
    spans = [max(t[-1] for t in times) - min(t[0] for t in times) for _, times in periods]
    widths = np.maximum(spans, max(max(spans), 1e-9) / 20)
    axes = figure.subplots(1, len(periods), width_ratios=widths, squeeze=False, sharey=True)[0]
    for ax, (members, times), width in zip(axes, periods, widths / widths.sum(), strict=True):
        _draw_strips(ax, strips, members, times, width * _TIMELINE_PIXELS)
        tidy(ax, f"period {members[0].period}" if len(periods) > 1 else "")
        ax.grid(False)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("frame" if minutes is None else "minute of the match", color=INK, fontsize=12)
    _write_classes(figure, windows)
    return rendered(figure)


def draw_confusion(confusion: np.ndarray, names: Sequence[str], title: str) -> np.ndarray:
    """Draw how often each class was taken for each other one.

    Args:
        confusion: ``(C, C)``, true classes by predicted ones.
        names: Of the classes.
        title: Written above.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    totals = confusion.sum(1, keepdims=True)
    shares = confusion / np.maximum(totals, 1)
    side = 0.75 * len(names)
    figure = plot_figure(title, (side + 2.8, side + 2.6))
    ax = figure.subplots()
    ax.imshow(shares, cmap=LinearSegmentedColormap.from_list("", [PAGE, BLUE]), vmin=0, vmax=1)
    for row, column in np.argwhere(confusion):
        text = f"{confusion[row, column]:,}\n{shares[row, column]:.0%}"
        color = PAGE if shares[row, column] > 0.65 else INK
        ax.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
    labels = [str(name).replace("_", " ") for name in names]
    rows = [f"{label}  ({total:,})" for label, total in zip(labels, totals[:, 0], strict=True)]
    tidy(ax, f"accuracy {accuracy(confusion):.1%}" if confusion.any() else "no labels")
    ax.grid(False)
    ax.set_xticks(range(len(names)), labels, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), rows)
    for label, axis in (("predicted", ax.xaxis), ("true (how many)", ax.yaxis)):
        axis.set_label_text(label, color=INK, fontsize=12)
    return rendered(figure)


def _answers(window: TacticalWindow, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, whether they are known, and scores; teams are the last axis of the labels."""
    if kind == "formation":
        return window.formation, window.has_formation, window.formation_scores
    return window.strategy, window.has_strategy, window.strategy_scores


def _has_wrong_formation(window: TacticalWindow) -> bool:
    labels, known, scores = _answers(window, "formation")
    return bool((known & (labels != scores.argmax(-1))).any())


def _longest_match(windows: Sequence[TacticalWindow]) -> list[TacticalWindow]:
    ((match, _),) = Counter(window.match for window in windows).most_common(1)
    return [window for window in windows if window.match == match]


def _is_predicted(window: TacticalWindow) -> bool:
    return bool(np.isfinite(window.formation_scores).all())


def _draw_team(ax: Axes, window: TacticalWindow, team: int) -> None:
    """Draw a pitch with the players of a team and its caption."""
    _draw_pitch(ax, window)
    draw_badge = _predicted_badge if _is_predicted(window) else _label_badge
    places = _on_page(window, window.mean_places(team))
    for rank, agent in enumerate(window.members(team)):
        _draw_badge(ax, draw_badge(window, agent, places[agent]), 5 + 0.01 * rank)
    seen = counted(len(window.members(team)), "player")
    frames = f"frames {window.frame_ids[0]} to {window.frame_ids[-1]}"
    notes = f"{seen} seen, {_short(window.match)}, {frames}"
    color = VERMILION if _is_wrong_formation(window, team) else INK
    _write_caption(ax, _formation_text(window, team), notes, color)


def _draw_pitch(ax: Axes, window: TacticalWindow) -> None:
    draw_pitch_plan(ax, window.pitch_size)
    # The grass is part of the frame.
    ax.set_axis_on()
    ax.set_frame_on(True)
    ax.set_anchor("N")


def _is_wrong_formation(window: TacticalWindow, team: int) -> bool:
    found = window.formation_scores[team].argmax()
    known = window.has_formation[team] and _is_predicted(window)
    return bool(known and found != window.formation[team])


def _formation_text(window: TacticalWindow, team: int) -> str:
    """The predicted formation and the true one, as far as they are known."""
    true = FORMATION_NAMES[window.formation[team]] if window.has_formation[team] else "unknown"
    if not _is_predicted(window):
        return f"{TEAM_NAMES[team]}: {true}"
    scores = window.formation_scores[team]
    found = f"{FORMATION_NAMES[scores.argmax()]}, {scores.max():.0%}"
    return f"{TEAM_NAMES[team]}: {found}  (true: {true})"


def _label_badge(window: TacticalWindow, agent: int, place: np.ndarray) -> _Badge:
    known = window.has_role[agent]
    code = _code(window.role[agent]) if known else "?"
    return _Badge(place, code, "", TEAM_COLORS[window.team[agent]] if known else FAINT)


def _predicted_badge(window: TacticalWindow, agent: int, place: np.ndarray) -> _Badge:
    scores = window.role_scores[agent]
    found = scores.argmax()
    badge = _Badge(place, _code(found), f"{scores[found]:.0%}", TEAM_COLORS[window.team[agent]])
    if not window.has_role[agent]:
        return badge._replace(ring=FAINT)
    if found == window.role[agent]:
        return badge
    note = f"{badge.note} ({_code(window.role[agent])})"
    return badge._replace(ring=VERMILION, note=note, note_color=VERMILION)


def _code(role: int) -> str:
    return ROLE_CODES[ROLES[role]]


def _draw_badge(ax: Axes, badge: _Badge, zorder: float) -> None:
    ax.plot(*badge.place, zorder=zorder, **_disc(PAGE, badge.ring))
    style = dict(ha="center", textcoords="offset points", zorder=zorder + 0.005)
    ax.annotate(
        badge.code,
        badge.place,
        (0, -0.5),
        va="center",
        fontsize=_CODE_SIZE,
        fontweight="bold",
        color=INK,
        **style,
    )
    ax.annotate(
        badge.note,
        badge.place,
        (0, -_DISC / 2 - 4),
        va="top",
        fontsize=_NOTE_SIZE,
        color=badge.note_color,
        path_effects=_HALO,
        **style,
    )


def _disc(fill: str, ring: str, size: float = _DISC) -> dict[str, Any]:
    """How ``Axes.plot`` draws a player."""
    return dict(
        linestyle="none",
        marker="o",
        markersize=size,
        markerfacecolor=fill,
        markeredgecolor=ring,
        markeredgewidth=_RING * size / _DISC,
    )


def _role_handles(windows: Sequence[TacticalWindow]) -> list[Line2D]:
    """Explain the rings."""
    predicted = any(_is_predicted(window) for window in windows)
    rings = {"home": BLUE, "away": GREEN, "role not known": FAINT}
    if predicted:
        rings = {
            "home, right role": BLUE,
            "away, right role": GREEN,
            "wrong, the true role in brackets": VERMILION,
            "true role not known": FAINT,
        }
    handles = [
        Line2D([], [], label=label, **_disc(PAGE, color, 13.0)) for label, color in rings.items()
    ]
    arrow = dict(linestyle="none", marker=r"$\rightarrow$", markersize=15, color=INK)
    return [*handles, Line2D([], [], label="both teams attack to the right", **arrow)]


def _team_handle(team: int) -> Line2D:
    name = TEAM_NAMES[team] + (", attacks to the right" if team == HOME else "")
    return Line2D([], [], label=name, **_disc(TEAM_COLORS[team], PAGE, 8 if team == BALL else 13))


def _strongest_edges(
    window: TacticalWindow, frame: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Senders and receivers ``(2, N)`` among the agents, and attention ``(N,)``, weakest first."""
    num_agents = len(window.team)
    of_frame = (window.edges // num_agents == frame).all(0) & (window.attention > 0)
    edges, attention = window.edges[:, of_frame] % num_agents, window.attention[of_frame]
    order = np.argsort(-attention, kind="stable")[: max(count, 0)][::-1]
    return edges[:, order], attention[order]


def _draw_edges(
    ax: Axes, window: TacticalWindow, frame: int, edges: np.ndarray, attention: np.ndarray
) -> None:
    """Draw triangles from the senders to their points at the receivers."""
    if not len(attention):
        return
    places = _on_page(window, window.positions[frame])
    start, offset = places[edges[0]], places[edges[1]] - places[edges[0]]
    length = np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
    along = offset / length
    end = start + along * np.maximum(length - _EDGE_GAP, length / 2)
    share = (attention / attention.max())[:, None]
    aside = along[:, ::-1] * [-1, 1] * share * _EDGE_WIDTH / 2
    colors = np.array([to_rgba(TEAM_COLORS[team]) for team in window.team[edges[0]]])
    colors[:, 3] = 0.12 + 0.58 * share[:, 0]
    triangles = np.stack([start - aside, start + aside, end], axis=1)
    ax.add_collection(PolyCollection(triangles, facecolors=colors, linewidths=0, zorder=3))


def _draw_agents(ax: Axes, window: TacticalWindow, frame: int) -> None:
    """Draw who is present in a frame, with the roles that are predicted."""
    places = _on_page(window, window.positions[frame])
    for rank, agent in enumerate(np.flatnonzero(window.present[frame])):
        team, zorder = window.team[agent], 5 + 0.01 * rank
        if team == BALL:
            ax.plot(*places[agent], zorder=6, **_disc(INK, PAGE, 9.0))
            continue
        ax.plot(*places[agent], zorder=zorder, **_disc(TEAM_COLORS[team], PAGE, 19.0))
        code = _code(window.role_scores[agent].argmax())
        style = dict(ha="center", va="center", fontsize=7.5, fontweight="bold", color=PAGE)
        ax.annotate(
            code,
            places[agent],
            (0, -0.5),
            textcoords="offset points",
            zorder=zorder + 0.005,
            **style,
        )


def _strips(windows: Sequence[TacticalWindow]) -> Iterator[_Strip]:
    """The rows of the timeline, the true ones where something is known."""
    for team in (HOME, AWAY):
        for kind in _KINDS:
            yield _Strip(kind, team, False)
            if any(_answers(window, kind)[1][..., team].any() for window in windows):
                yield _Strip(kind, team, True)


def _labels_of(window: TacticalWindow, strip: _Strip) -> np.ndarray:
    """``(T,)``, the labels of a strip in the frames of a window; -1 where not known."""
    labels, known, scores = _answers(window, strip.kind)
    found = np.where(known, labels, -1) if strip.is_true else scores.argmax(-1)
    return np.broadcast_to(found[..., strip.team], len(window.frame_ids))


def _periods(
    windows: Sequence[TacticalWindow], minutes: np.ndarray | None
) -> list[tuple[list[TacticalWindow], list[np.ndarray]]]:
    """The windows of each period in the order of time, and the times of their frames."""
    ends = [window.frame_ids[-1] if minutes is None else minutes[i] for i, window in _all(windows)]
    per_frame = 1.0 if minutes is None else _minutes_per_frame(windows, np.asarray(minutes))
    periods = []
    for period in sorted({window.period for window in windows}):
        members = [i for i, window in _all(windows) if window.period == period]
        members.sort(key=ends.__getitem__)
        times = [
            ends[i] + per_frame * (windows[i].frame_ids - windows[i].frame_ids[-1]) for i in members
        ]
        periods.append(([windows[i] for i in members], times))
    return periods


def _all(windows: Sequence[TacticalWindow]) -> list[tuple[int, TacticalWindow]]:
    return list(enumerate(windows))


def _minutes_per_frame(windows: Sequence[TacticalWindow], minutes: np.ndarray) -> float:
    """How long a frame is; a window is a minute long where that cannot be told."""
    ends = np.array([(window.period, window.frame_ids[-1]) for window in windows])
    order = np.lexsort(ends.T[::-1])
    (periods, frames), times = np.diff(ends[order], axis=0).T, np.diff(minutes[order])
    usable = (periods == 0) & (frames > 0) & (times > 0)
    if usable.any():
        return float(np.median(times[usable] / frames[usable]))
    return 1 / max(np.ptp(windows[0].frame_ids), 1)


def _draw_strips(
    ax: Axes,
    strips: Sequence[_Strip],
    windows: Sequence[TacticalWindow],
    times: Sequence[np.ndarray],
    pixels: float,
) -> None:
    """Draw all rows for a period, and write names where they fit into the axes' pixels."""
    cells = _cells(times)
    left, right = min(start.min() for start, _ in cells), max(t[-1] for t in times)
    tops = _tops(strips)
    for strip, top in zip(strips, tops, strict=True):
        classes = _KINDS[strip.kind]
        runs = _runs(cells, [_labels_of(window, strip) for window in windows])
        spans = [(run.start, run.stop - run.start) for run in runs]
        colors = [classes.colors[run.label] for run in runs]
        ax.broken_barh(spans, (top, strip.height), facecolors=colors, linewidth=0)
        if strip.kind == "formation" and not strip.is_true:
            _write_names(ax, runs, classes.names, top + strip.height / 2, pixels / (right - left))
    middles = tops + np.array([strip.height / 2 for strip in strips])
    ax.set_yticks(middles, [strip.label for strip in strips])
    ax.set(xlim=(left, right), ylim=(tops[-1] + strips[-1].height + 0.1, -0.1))


def _tops(strips: Sequence[_Strip]) -> np.ndarray:
    """Upper ends of the rows; truths are close to predictions, teams are further apart."""
    tops, bottom = [], 0.0
    for before, strip in zip((None, *strips), strips, strict=False):
        if before is not None:
            gap = 0.06 if strip.is_true else 0.25 if strip.team == before.team else 0.7
            bottom += gap
        tops.append(bottom)
        bottom += strip.height
    return np.array(tops)


def _cells(times: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Starts and stops of the times that frames stand for: since the one before, none twice."""
    cells, end = [], -np.inf
    for stops in times:
        step = np.median(np.diff(stops)) if len(stops) > 1 else 1.0
        starts = np.maximum(np.append(stops[0] - step, stops[:-1]), end)
        # What is shorter than a frame is no gap.
        if 0 < starts[0] - end < step:
            starts[0] = end
        cells.append((starts, np.maximum(stops, starts)))
        end = max(end, stops[-1])
    return cells


def _runs(
    cells: Sequence[tuple[np.ndarray, np.ndarray]], labels: Sequence[np.ndarray]
) -> list[_Run]:
    """Join neighbouring cells of the same label; those without a label are left out."""
    runs: list[_Run] = []
    for (starts, stops), values in zip(cells, labels, strict=True):
        for start, stop, label in zip(starts, stops, values, strict=True):
            if label < 0 or stop <= start:
                continue
            if runs and runs[-1].label == label and runs[-1].stop == start:
                runs[-1] = runs[-1]._replace(stop=stop)
            else:
                runs.append(_Run(start, stop, label))
    return runs


def _write_names(
    ax: Axes, runs: Sequence[_Run], names: Sequence[str], middle: float, scale: float
) -> None:
    """Write the names of runs that are long enough; the scale is pixels by time."""
    for run in runs:
        name = names[run.label]
        if (run.stop - run.start) * scale >= _CHARACTER * len(name):
            place = (run.start + run.stop) / 2, middle
            ax.text(*place, name, ha="center", va="center_baseline", fontsize=10, color=INK)


def _write_classes(figure: Figure, windows: Sequence[TacticalWindow]) -> None:
    """Explain the colours below the axes: of the formations that occur, and of all strategies."""
    places: Mapping[str, str] = {"formation": "lower left", "strategy": "lower right"}
    strips = list(_strips(windows))
    for kind, place in places.items():
        classes = _KINDS[kind]
        shown = set(range(len(classes.names)))
        if kind == "formation":
            own = [strip for strip in strips if strip.kind == kind]
            shown = {label for w in windows for s in own for label in _labels_of(w, s)} - {-1}
        handles = [Patch(color=classes.colors[i], label=classes.names[i]) for i in sorted(shown)]
        figure.legend(
            handles=handles,
            title="formations" if kind == "formation" else "strategies",
            loc=f"outside {place}",
            ncols=max(-(-len(handles) // 2), 1),
            frameon=False,
            fontsize=11,
            labelcolor=INK,
        )


def _write_header(figure: Figure, title: str, handles: Sequence[Line2D]) -> None:
    """Write the title into the left upper corner, and the legend below it."""
    width, height = figure.get_size_inches() * DPI
    left, top = _GAP / width, 1 - 0.3 * _ROW / height
    if title:
        figure.text(left, top, title, fontsize=15, color=INK, va="top")
        top -= _ROW / height
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(left, top),
        ncols=len(handles),
        fontsize=11,
        labelcolor=INK,
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        handletextpad=0.5,
        columnspacing=1.8,
    )


def _write_caption(ax: Axes, title: str, notes: str, color: str = INK) -> None:
    points = 72 / DPI
    for text, height, size, ink in ((title, 29, 13, color), (notes, 9, 11, FAINT)):
        place = dict(xycoords="axes fraction", textcoords="offset points")
        ax.annotate(text, (0, 1), (0, height * points), color=ink, fontsize=size, **place)


def _on_page(window: TacticalWindow, places: np.ndarray) -> np.ndarray:
    """Move places that are far beyond the lines to where the pitch's margin still shows them."""
    limit = np.array(window.pitch_size) / 2 + 0.6 * PITCH_MARGIN
    return np.clip(places, -limit, limit)


def _pitch_height(window: TacticalWindow, width: int) -> int:
    """Pixels that the pitch of a window needs if it is so wide."""
    length, breadth = (side + 2 * PITCH_MARGIN for side in window.pitch_size)
    return round(width * breadth / length)


def _frame_name(window: TacticalWindow, frame: int) -> str:
    return f"frame {window.frame_ids[frame]}"


def _short(match: str) -> str:
    half = _MAX_NAME // 2
    return match if len(match) <= _MAX_NAME else f"{match[:half]} … {match[-half:]}"
