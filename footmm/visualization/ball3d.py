"""Pictures of the ball: from above, from the side, and in the frame.

All pictures are RGB, uint8, drawn by matplotlib without its global state. What is stated as two
standard deviations is drawn beside what was predicted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer

from footmm.evaluation.functional.ball3d_baselines import BASELINES
from footmm.evaluation.functional.ball3d_errors import position_errors
from footmm.pitch.ball_lifting import fill_gaps
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.registry import VISUALIZERS
from footmm.structures.ball_track import BallTrack
from footmm.visualization.animation import write_animation
from footmm.visualization.plots import (
    BLUE,
    CHALK,
    FAINT,
    GRASS,
    GREEN,
    INK,
    VERMILION,
    counted,
    draw_pitch_plan,
    plot_figure,
    rendered,
    rendered_with_legend,
    tidy,
    unit_plot,
)

#: Inches of a row of three views.
_ROW_SIZE = (15.0, 4.3)

#: Frames from one drawn deviation to the next.
_EVERY = 5

#: Metres around a path seen from above; least height of a view from the side.
_MARGIN, _LEAST_HEIGHT = 6.0, 2.0

#: Metres between drawn points of the pitch's lines.
_SPACING = 0.5

#: Metres beyond which errors are not plotted.
_LONGEST_ERROR = 10.0

#: Seconds for which an animation's last picture is held.
_HOLD_S = 1.5

#: Characters of a sequence's name that a view has room for.
_MAX_NAME = 30

_LOST_MARK = dict(linestyle="none", marker="x", color=VERMILION, markersize=6, zorder=5)
"""Places that must not be trusted."""

_CURVES: Mapping[str, tuple[str, Any]] = {
    "model": (BLUE, "solid"),
    "size_lifting": (VERMILION, (0, (6, 2))),
    "ground_plane": (GREEN, (0, (4, 1.5, 1, 1.5))),
    "parabola": (FAINT, (0, (1.2, 1.4))),
}
"""Colour and dashes of each method."""


class _Path(NamedTuple):
    """A path of a window and how it is drawn."""

    label: str
    positions: np.ndarray
    style: dict[str, Any]


@VISUALIZERS.register_module()
class Ball3DVisualizer(Visualizer):
    """Draws flights in three views, and plots errors beside those of the baselines.

    Args:
        num_samples: Windows of the sheet; the plots are over all samples.
        name: Of the instance, for MMEngine's ``get_instance``.
        **kwargs: See MMEngine's ``Visualizer``.
    """

    def __init__(self, num_samples: int = 4, name: str = "visualizer", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.num_samples = num_samples

    def draw_samples(
        self, data_samples: Sequence[Mapping[str, Any] | BaseDataElement]
    ) -> dict[str, np.ndarray]:
        """Draw some windows, first the worst, and plot the errors of all.

        Args:
            data_samples: Predicted windows.

        Returns:
            RGB, uint8, shape (H, W, 3); nothing without samples:

            * ``flights``: windows from above, from the side and in the frame;
            * ``errors``: shares of frames within a distance, of model and baselines, where
              positions are known.

        Raises:
            DataFormatError: A sample lacks a key.
        """
        tracks = [BallTrack.from_sample(sample) for sample in data_samples]
        if not tracks:
            return {}
        chosen = choose_tracks(tracks, self.num_samples)
        title = f"{counted(len(chosen), 'window')} of {len(tracks):,}, first the worst"
        pictures = {"flights": draw_flights(chosen, title)}
        if any(track.scored.any() for track in tracks):
            pictures["errors"] = draw_errors(tracks)
        return pictures

    def draw_dataset_sample(self, image: np.ndarray | None, sample: BaseDataElement) -> np.ndarray:
        """Draw a window that has been through a pipeline, without a prediction.

        Args:
            image: Any shape, not used: the model's input is no image.
            sample: The window.

        Returns:
            RGB, uint8, ``(H, W, 3)``.
        """
        frames, future = len(sample.frame_ids), len(sample.future_positions)
        nothing = dict(
            pred_positions=np.full((frames, 3), np.nan),
            pred_velocities=np.full((frames, 3), np.nan),
            pred_scales=np.full((frames, 2), np.nan),
            pred_mode_scores=np.zeros((frames, 4)),
            pred_reliable=np.zeros(frames),
            pred_future=np.full((future, 3), np.nan),
        )
        fields = {name: sample.get(name) for name in sample.keys()}  # noqa: SIM118
        meta = {name: sample.get(name) for name in sample.metainfo_keys()}
        return draw_flights([BallTrack.from_sample(fields | meta | nothing)])


def choose_tracks(tracks: Sequence[BallTrack], count: int) -> list[BallTrack]:
    """Choose windows to draw: first the worst ones, half of all that are chosen, then others.

    Args:
        tracks: All windows.
        count: How many to return at most.
    """
    errors = np.array([_mean_error(track) for track in tracks])
    worst = np.argsort(-np.nan_to_num(errors, nan=-1.0), kind="stable")[: (count + 1) // 2]
    rest = np.setdiff1d(np.arange(len(tracks)), worst)
    spread = rest[np.linspace(0, len(rest) - 1, min(count - len(worst), len(rest))).astype(int)]
    return [tracks[index] for index in (*worst, *spread)]


def draw_flights(tracks: Sequence[BallTrack], title: str = "") -> np.ndarray:
    """Draw windows, a row each: from above, from the side, and in the middle frame.

    Args:
        tracks: At least one window.
        title: Above all rows.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    figure = plot_figure(title, (_ROW_SIZE[0], _ROW_SIZE[1] * len(tracks) + 0.8))
    rows = figure.subplots(len(tracks), 3, squeeze=False)
    for axes, track in zip(rows, tracks, strict=True):
        _draw_views(axes, track, len(track.positions) - 1)
    return _with_legend(figure, rows)


def animate_flight(track: BallTrack, path: str | os.PathLike[str]) -> None:
    """Write a window as an animation of the three views, at the window's rate.

    Args:
        track: The window.
        path: A ``.gif`` or ``.mp4``; it has its old content or the new one, never a part of it.

    Raises:
        ConfigError: The file has another suffix, or it cannot be written.
    """
    write_animation(path, _animation_frames(track), track.rate)


def draw_errors(tracks: Sequence[BallTrack]) -> np.ndarray:
    """Plot which share of the frames each method has within a distance.

    Args:
        tracks: Windows, at least one of which has a known position.

    Returns:
        RGB, uint8, ``(H, W, 3)``.
    """
    scored = [track for track in tracks if track.scored.any()]
    count = sum(int(track.scored.sum()) for track in scored)
    notes = f"{counted(count, 'frame')} of {counted(len(scored), 'window')}"
    figure, ax = unit_plot("How far the ball is from where it is said to be", notes)
    methods = {"model": lambda track: track.pred_positions} | dict(BASELINES)
    for name, method in methods.items():
        errors = np.sort(
            np.concatenate([_errors(track, method(track)).distance for track in scored])
        )
        color, dashes = _CURVES[name]
        share = np.arange(1, len(errors) + 1) / len(errors)
        label = f"{name.replace('_', ' ')}, median {np.median(errors):.2f} m"
        ax.plot(errors, share, color=color, linestyle=dashes, linewidth=2.2, label=label)
    ax.set(xlim=(0, _LONGEST_ERROR), xlabel="distance (m)", ylabel="share of the frames")
    return rendered_with_legend(figure, 2)


def _errors(track: BallTrack, positions: np.ndarray) -> Any:
    scored = track.scored
    return position_errors(positions[scored], track.positions[scored], track.origins[scored])


def _mean_error(track: BallTrack) -> float:
    return _errors(track, track.pred_positions).distance.mean() if track.scored.any() else np.nan


def _paths(track: BallTrack) -> list[_Path]:
    """True and predicted paths, each with what comes after the window."""
    true = np.where(track.has_position[:, None], track.positions, np.nan)
    future = np.where(track.has_future[:, None], track.future_positions, np.nan)
    after = np.concatenate([true[-1:], future])
    roll_out = np.concatenate([track.pred_positions[-1:], track.pred_future])
    solid, dotted = dict(linestyle="solid"), dict(linestyle=(0, (1.2, 1.4)))
    return [
        _Path("true", true, dict(color=INK, linewidth=1.6, **solid)),
        _Path("true, after the window", after, dict(color=INK, linewidth=1.6, **dotted)),
        _Path("predicted, with 2 deviations", track.pred_positions, _predicted(solid)),
        _Path("rolled out", roll_out, _predicted(dotted)),
    ]


def _predicted(dashes: dict[str, Any]) -> dict[str, Any]:
    return dict(color=BLUE, linewidth=2.4, alpha=0.85, **dashes)


def _draw_views(axes: Sequence[Axes], track: BallTrack, frame: int) -> None:
    """Draw the three views, with the ball where it is in a frame."""
    above, side, image = axes
    paths = _paths(track)
    _draw_from_above(above, track, paths, frame)
    _draw_from_side(side, track, paths, frame)
    last = frame == len(track.positions) - 1
    _draw_in_frame(image, track, _middle_frame(track) if last else frame)


def _middle_frame(track: BallTrack) -> int:
    """The frame nearest to the middle whose camera is known; the middle one if none is."""
    middle = len(track.positions) // 2
    known = np.flatnonzero(track.calibrated)
    return int(known[np.abs(known - middle).argmin()]) if len(known) else middle


def _draw_from_above(ax: Axes, track: BallTrack, paths: Sequence[_Path], frame: int) -> None:
    draw_pitch_plan(ax, track.pitch_size)
    for path in paths:
        ax.plot(*path.positions[:, :2].T, label=path.label, zorder=3, **path.style)
    ends = _deviation_ends(track)[:, ::_EVERY]
    ax.plot(ends[..., 0], ends[..., 1], color=BLUE, alpha=0.35, linewidth=3.0, zorder=2)
    _mark(ax, paths, frame, lambda path: path.positions[:, :2])
    lost = track.pred_positions[~track.pred_reliable]
    ax.plot(*lost[:, :2].T, label="not reliable", **_LOST_MARK)
    everything = np.concatenate([path.positions[:, :2] for path in paths])
    everything = everything[np.isfinite(everything).all(-1)]
    if not len(everything):
        # Nothing is known: the whole pitch.
        everything = np.array([[-0.5], [0.5]]) * track.pitch_size
    low, high = everything.min(axis=0) - _MARGIN, everything.max(axis=0) + _MARGIN
    # Views of all rows have one shape.
    center, half = (low + high) / 2, max((high - low) / 2 / (1.4, 1.0))
    ax.set(
        xlim=(center[0] - 1.4 * half, center[0] + 1.4 * half),
        ylim=(center[1] - half, center[1] + half),
    )
    ax.set_title(_title(track), fontsize=11, color=INK, loc="left")


def _title(track: BallTrack) -> str:
    error = _mean_error(track)
    text = "" if np.isnan(error) else f", mean error {error:.2f} m"
    name = track.sequence
    if len(name) > _MAX_NAME:
        name = f"{name[: _MAX_NAME // 2]} … {name[-_MAX_NAME // 2 :]}"
    return f"{name}, frames {track.frame_ids[0]} to {track.frame_ids[-1]}{text}"


def _draw_from_side(ax: Axes, track: BallTrack, paths: Sequence[_Path], frame: int) -> None:
    frames, future = len(track.positions), len(track.pred_future)
    time = np.arange(frames + future) / track.rate
    spans = [slice(0, frames), slice(frames - 1, None)] * 2
    for path, span in zip(paths, spans, strict=True):
        ax.plot(time[span], path.positions[:, 2], **path.style)
    low, high = np.sort(_deviation_ends(track)[..., 2], axis=0)
    ax.fill_between(time[:frames], low.clip(min=0.0), high, color=BLUE, alpha=0.18, linewidth=0)
    lost = ~track.pred_reliable
    ax.plot(time[:frames][lost], track.pred_positions[lost, 2], **_LOST_MARK)
    missed = ~track.observed
    ax.plot(time[:frames][missed], np.zeros(missed.sum()), "|", color=VERMILION, markersize=9)
    _mark(ax, paths, frame, lambda path: np.column_stack([time[:frames], path.positions[:, 2]]))
    top = max(np.nanmax(path.positions[:, 2], initial=0.0) for path in paths)
    ax.set(
        xlim=(0, time[-1]),
        ylim=(0, max(_LEAST_HEIGHT, 1.15 * top)),
        xlabel="seconds (red: not seen)",
        ylabel="height (m)",
    )
    tidy(ax)


def _draw_in_frame(ax: Axes, track: BallTrack, frame: int) -> None:
    """Draw what the camera of a frame sees of all frames."""
    width, height = track.camera.image_size
    ax.set(xlim=(0, width), ylim=(height, 0), facecolor=GRASS, xticks=[], yticks=[])
    ax.set_aspect("equal")
    ax.set_title(f"frame {track.frame_ids[frame]}", fontsize=11, color=INK, loc="left")
    if not track.calibrated[frame]:
        ax.text(0.5, 0.5, "camera not known", transform=ax.transAxes, ha="center", color=FAINT)
        return
    camera = track.camera[frame]
    for curve in PitchDimensions(*track.pitch_size).markings.values():
        ax.plot(*_seen(camera, curve.sample(_SPACING)).T, color=CHALK, linewidth=1.2)
    # Rays are as good as points: a camera turns, it hardly moves.
    far = track.camera.position[frame].numpy() + 60.0 * track.rays[track.observed]
    detections = _seen(camera, far)
    ax.plot(*detections.T, "+", color=VERMILION, markersize=6, label="detected", zorder=3)
    for path in _paths(track)[::2]:
        ax.plot(*_seen(camera, path.positions).T, zorder=4, **path.style)
    spot = _seen(camera, track.pred_positions[frame : frame + 1])[0]
    ring = dict(markerfacecolor="none", markeredgecolor=BLUE, linestyle="none")
    ax.plot(*spot, "o", markersize=13, label="predicted, in this frame", zorder=5, **ring)
    # Across the ray two deviations are a few pixels; along it they cannot be seen from here.
    if np.isfinite(spot).all():
        way = track.pred_positions[frame] - track.origins[frame]
        focal_length = float(camera.intrinsics[0, 0])
        radius = 2.0 * track.pred_scales[frame, 1] * focal_length / max(np.linalg.norm(way), 1.0)
        ax.add_patch(Circle(spot, radius, color=BLUE, alpha=0.35, linewidth=0, zorder=4))


def _seen(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Pixels ``(N, 2)`` of world points in one camera; nan where nan, or not in the image."""
    known = torch.as_tensor(np.isfinite(points).all(-1))
    world = torch.as_tensor(np.nan_to_num(points), dtype=torch.float64)
    shown = (camera.visible(world) & known)[:, None]
    return torch.where(shown, camera.project(world), torch.nan).numpy()


def _deviation_ends(track: BallTrack) -> np.ndarray:
    """Ends ``(2, T, 3)`` of two deviations along the viewing ray, metres."""
    known = torch.as_tensor(track.calibrated)
    origins = fill_gaps(torch.as_tensor(track.origins), known).numpy()
    way = track.pred_positions - origins
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    reach = 2.0 * track.pred_scales[:, :1] * way / np.maximum(length, 1e-6)
    return np.stack([track.pred_positions - reach, track.pred_positions + reach])


def _mark(ax: Axes, paths: Sequence[_Path], frame: int, place: Any) -> None:
    """Mark the true and the predicted place of a frame."""
    for path in paths[::2]:
        spot = place(path)[frame]
        color = path.style["color"]
        ax.plot(*spot, "o", color=color, markersize=7, markeredgecolor="white", zorder=6)


def _with_legend(figure: Figure, rows: np.ndarray) -> np.ndarray:
    handles = {
        label: handle
        for ax in rows.flat
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=11,
        labelcolor=INK,
    )
    return rendered(figure)


def _animation_frames(track: BallTrack) -> Iterator[np.ndarray]:
    """Draw a picture of each frame; the last one is repeated for as long as it is held."""
    picture = np.zeros(0)
    for frame in range(len(track.positions)):
        figure = plot_figure("", (_ROW_SIZE[0], _ROW_SIZE[1] + 0.6))
        rows = figure.subplots(1, 3, squeeze=False)
        _draw_views(rows[0], track, frame)
        yield (picture := _with_legend(figure, rows))
    for _ in range(round(_HOLD_S * track.rate)):
        yield picture
