"""Temporal smoothing of the cameras of a video.

Cameras that are estimated frame by frame tremble: their errors are those of one picture each. A
broadcast camera stands still, or nearly so, while it pans, tilts and zooms smoothly, and between
two cuts all frames are the same camera's. :func:`smooth_cameras` uses this in four steps:

1. The frames are split into shots, see :func:`find_shots`; frames of none are outliers.
2. What hardly changes during a shot (position, principal point, lens) is smoothed strongly.
3. Rotation and focal length are solved again for each frame, given the results of step 2, so that
   the picture stays as it was: in estimates from one picture, errors of position, tilt and focal
   length go together, and taking away those of the position alone would shift the picture.
4. Pan, tilt, roll and the logarithm of the focal length are smoothed, outliers and gaps bridged.

Both smoothings are Whittaker's with weights (Eilers, A perfect smoother, Analytical Chemistry 2003,
equation 5), repeated with the robust weights of Geman and McClure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from scipy.ndimage import median_filter
from scipy.sparse.linalg import splu
from torch import Tensor

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.homography import MIN_POINTS, apply_homography
from footmm.pitch.lens import BrownConradyLens
from footmm.pitch.levenberg_marquardt import RefinementSettings
from footmm.pitch.observations import PointObservations
from footmm.pitch.refinement import refine_camera

#: Points of the image, across and down, at which cameras are compared.
_GRID = (8, 5)

#: Metres from the centre spot: ground further away moves by many metres with every pixel.
_GROUND_REACH = 100.0

_ROBUST_ITERATIONS = 6

#: Multiple of the deviation at which an estimate counts a quarter.
_ROBUST_SCALE = 3.0

#: Deviations below it, in any unit, are rounding: perfect estimates have none at all.
_MIN_SCALE = 1e-9

#: Estimates, before and after one, that tell how large deviations are around it.
_NEIGHBOURS = 15

#: Smallest weight of a camera, relative to the largest.
_MIN_WEIGHT = 1e-6

#: Standard deviation of a normal distribution by the median of its absolute values.
_MAD_TO_DEVIATION = 1.4826

#: Refinement to a hundredth of a pixel: smoothing moves cameras by more.
_REFINEMENT = RefinementSettings("huber", max_iterations=15, tolerance=1e-2)


@dataclass(frozen=True)
class CameraSmoothingSettings:
    """How to smooth.

    A smoothing time is that of the fastest motion that is kept: waves of ``2 pi`` times this
    period keep half of their height, slower ones nearly all.

    Attributes:
        motion_time: Smoothing time of pan, tilt, roll and zoom, seconds.
        position_time: Smoothing time of position, principal point and lens, seconds; long ones make
            them constant.
        max_gap: Longest gap without a usable camera that is bridged, seconds. A jump that stays for
            longer is a cut.
        max_step: Share of the image's width that the picture may move from one frame to the next,
            errors of the estimates included.
        max_speed: Widths of the image by which the picture may move in addition, for each second
            of a gap.

    Raises:
        ValueError: A number is not positive.
    """

    motion_time: float = 0.05
    position_time: float = 1.0
    max_gap: float = 0.6
    max_step: float = 0.12
    max_speed: float = 0.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


def smooth_cameras(
    cameras: Sequence[Camera | None],
    rate: float,
    confidences: Sequence[float] | None = None,
    settings: CameraSmoothingSettings | None = None,
) -> list[Camera | None]:
    """Smooth the cameras of consecutive frames of a video.

    Nothing is smoothed across cuts, and nothing is extrapolated: a frame without a camera gets one
    only between frames of the same shot.

    Args:
        cameras: Unbatched cameras of one image size, pinhole or with a
            :class:`~footmm.pitch.lens.BrownConradyLens`; None for frames without one.
        rate: Frames a second.
        confidences: Weight of each camera, at least 0; those of missing ones do not matter. Without
            it all count alike.
        settings: How to smooth.

    Returns:
        As many cameras: smoothed inside of shots; as they were in frames that belong to no shot
        and lie in none; None in gaps between shots.

    Raises:
        DataFormatError: A camera is a batch, has another image size or lens, or the numbers of
            cameras and confidences differ.
        ValueError: The rate is not positive.
    """
    settings = settings or CameraSmoothingSettings()
    weights = _checked_weights(cameras, rate, confidences)
    result = list(cameras)
    for frames in find_shots(cameras, rate, settings):
        if len(frames) < 2:
            continue
        shot = Camera.stack([_with_lens(cameras[frame]) for frame in frames])
        smoothed = _smooth_shot(shot, frames, weights[frames], rate, settings)
        for index, frame in enumerate(range(frames[0], frames[-1] + 1)):
            result[frame] = smoothed[index]
    return result


def find_shots(
    cameras: Sequence[Camera | None],
    rate: float,
    settings: CameraSmoothingSettings | None = None,
) -> list[np.ndarray]:
    """Split a video at its cuts, and leave out the frames whose cameras fit to no neighbours.

    A camera continues the shot to whose last camera it fits best, if the picture moved no more than
    cameras do in that time; else it begins another one. Where shots found in this way overlap in
    time, the longest is true and the frames of the others are outliers.

    Args:
        cameras: As for :func:`smooth_cameras`.
        rate: Frames a second.
        settings: Where a cut begins.

    Returns:
        For each shot, in order, the indices of its frames, ``(N,)``; neighbouring ones are at most
        ``max_gap`` apart. Shots do not overlap.
    """
    settings = settings or CameraSmoothingSettings()
    known = np.array([i for i, camera in enumerate(cameras) if camera is not None], dtype=int)
    if len(known) == 0:
        return []
    batch = Camera.stack([_with_lens(cameras[frame]) for frame in known])
    _, ground, seen = _grid_on_ground(batch)
    homographies = batch.homography()
    candidates: list[list[int]] = []
    for index in np.flatnonzero(seen.sum(-1).numpy() >= MIN_POINTS):
        fitting = []
        for shot in candidates:
            pause = (known[index] - known[shot[-1]] - 1) / rate
            if pause > settings.max_gap:
                continue
            pair = [shot[-1], index]
            moved = _picture_motion(homographies[pair], ground[pair[::-1]], seen[pair[::-1]])
            limit = settings.max_step + settings.max_speed * pause
            fitting.append((moved / batch.image_size[0] / limit, shot))
        motion, nearest = min(fitting, key=lambda item: item[0], default=(np.inf, []))
        if motion <= 1:
            nearest.append(index)
        else:
            candidates.append([index])
    return _without_overlap([known[shot] for shot in candidates])


def _picture_motion(homographies: Tensor, ground: Tensor, seen: Tensor) -> float:
    """Pixels that the picture moves between two cameras; inf where one sees nothing of the other.

    Args:
        homographies: ``(2, 3, 3)`` of the cameras, without their lenses.
        ground: ``(2, N, 2)`` points that the OTHER camera sees, metres.
        seen: ``(2, N)`` bool, which of these there are.
    """
    here = apply_homography(homographies, ground)
    there = apply_homography(homographies.flip(0), ground)
    motion = (here - there).norm(dim=-1).nan_to_num(nan=torch.inf)
    medians = [motion[side][seen[side]].median() for side in range(2)]
    return float(max(medians))


def _without_overlap(candidates: list[np.ndarray]) -> list[np.ndarray]:
    """Return the shots of which none overlaps a longer one, in order of time."""
    shots: list[np.ndarray] = []
    for shot in sorted(candidates, key=len, reverse=True):
        if all(shot[-1] < other[0] or other[-1] < shot[0] for other in shots):
            shots.append(shot)
    return sorted(shots, key=lambda shot: int(shot[0]))


def _checked_weights(
    cameras: Sequence[Camera | None], rate: float, confidences: Sequence[float] | None
) -> np.ndarray:
    if not rate > 0:
        raise ValueError(f"rate must be positive, got {rate}")
    weights = np.ones(len(cameras)) if confidences is None else np.asarray(confidences, float)
    if weights.shape != (len(cameras),):
        raise DataFormatError(
            f"there are {len(cameras)} cameras and {weights.size} confidences; one each is needed"
        )
    known = [(i, camera) for i, camera in enumerate(cameras) if camera is not None]
    for frame, camera in known:
        if not bool(camera.homography().isfinite().all()):
            raise DataFormatError(
                f"camera {frame} is not finite; give None for a frame without one"
            )
        if not weights[frame] >= 0:
            raise DataFormatError(f"the confidence of camera {frame} is {weights[frame]}, not >= 0")
        if camera.batch_shape or camera.image_size != known[0][1].image_size:
            raise DataFormatError(
                f"camera {frame} (image {camera.image_size}, batch {tuple(camera.batch_shape)}) is "
                f"no single camera of the image size of the others, {known[0][1].image_size}"
            )
    return weights


def _with_lens(camera: Camera) -> Camera:
    """The camera with a Brown-Conrady lens, one without effect if it has none; float64."""
    camera = camera.to("cpu", torch.float64)
    if camera.lens is None:
        return replace(camera, lens=BrownConradyLens.from_radial(0.0))
    if not isinstance(camera.lens, BrownConradyLens):
        raise DataFormatError(
            f"a camera with a {type(camera.lens).__name__} cannot be smoothed; cameras of videos "
            "are pinhole cameras or have a BrownConradyLens"
        )
    return camera


def _grid_on_ground(cameras: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """Put a grid over the image of cameras ``(T,)`` and onto the ground.

    Returns:
        Pixels ``(N, 2)``, ground points ``(T, N, 2)`` in metres and which of these exist, are near
        enough and seen through a part of the lens that makes sense ``(T, N)``; the others are zero.
    """
    axes = [
        torch.linspace(0, side - 1, n) for side, n in zip(cameras.image_size, _GRID, strict=True)
    ]
    pixels = torch.cartesian_prod(*axes).to(cameras.position)
    ground = cameras.image_to_ground(pixels.expand(*cameras.batch_shape, -1, 2))
    near = ground.norm(dim=-1) <= _GROUND_REACH
    ground = torch.where(near[..., None], ground, 0.0)
    seen = near & cameras.visible(torch.nn.functional.pad(ground, (0, 1)), margin=1.0)
    return pixels, torch.where(seen[..., None], ground, 0.0), seen


def _smooth_shot(
    cameras: Camera,
    frames: np.ndarray,
    weights: np.ndarray,
    rate: float,
    settings: CameraSmoothingSettings,
) -> Camera:
    """Smooth the cameras ``(N,)`` of some frames of a shot; returns those of all its frames."""
    # Weights of 0 would leave nothing to fit to.
    weights = np.maximum(weights / max(weights.max(), _MIN_WEIGHT), _MIN_WEIGHT)
    times = frames - frames[0]
    slow = _robust_smooth(
        _slow_parameters(cameras),
        weights,
        times,
        order=1,
        strength=settings.position_time * rate,
    )
    solved, valid = _solve_motion(cameras, slow[times])
    quick = _robust_smooth(
        _quick_parameters(solved)[valid],
        weights[valid],
        times[valid],
        order=2,
        strength=settings.motion_time * rate,
        count=len(slow),
    )
    return _assemble(slow, quick, cameras.image_size)


def _slow_parameters(cameras: Camera) -> np.ndarray:
    """Position, principal point, log of the pixels' aspect, lens: ``(N, 18)``."""
    focal_x, focal_y = cameras.intrinsics[..., 0, 0], cameras.intrinsics[..., 1, 1]
    parts = [
        cameras.position,
        cameras.intrinsics[..., :2, 2],
        (focal_y / focal_x).log()[..., None],
        *vars(cameras.lens).values(),
    ]
    return torch.cat(parts, -1).numpy()


def _quick_parameters(cameras: Camera) -> np.ndarray:
    """Pan without jumps, tilt, roll, log of the horizontal focal length: ``(N, 4)``."""
    pan, tilt, roll = (angle.numpy() for angle in cameras.pan_tilt_roll())
    zoom = cameras.intrinsics[:, 0, 0].log().numpy()
    return np.column_stack([np.unwrap(pan), tilt, roll, zoom])


def _solve_motion(cameras: Camera, slow: np.ndarray) -> tuple[Camera, np.ndarray]:
    """Fit rotation and focal length of cameras ``(N,)`` to what they saw, given all else.

    Returns:
        Cameras ``(N,)`` without lens, and whether they could be solved, ``(N,)`` bool.
    """
    pixels, ground, seen = _grid_on_ground(cameras)
    template = _assemble(slow, _quick_parameters(cameras), cameras.image_size)
    # A pinhole camera is fitted to the pixels without the lens.
    rays = (
        torch.linalg.inv(template.intrinsics)
        @ torch.nn.functional.pad(pixels, (0, 1), value=1.0).mT
    )
    straight = template.lens.undistort(rays.mT[..., :2])
    image = straight @ template.intrinsics[..., :2, :2].mT + template.intrinsics[:, None, :2, 2]
    refined = refine_camera(
        replace(template, lens=None),
        PointObservations(ground, image, seen.double()),
        parameters=("rotation", "focal_length"),
        settings=_REFINEMENT,
    )
    return refined.camera, refined.valid.numpy()


def _assemble(slow: np.ndarray, quick: np.ndarray, image_size: tuple[int, int]) -> Camera:
    position, center, aspect, lens = np.split(slow, [3, 5, 6], axis=1)
    pan, tilt, roll, zoom = quick.T
    focal_length = np.exp(np.column_stack([zoom, zoom + aspect[:, 0]]))
    parts = np.split(lens, [6, 8], axis=1)
    return Camera.from_pan_tilt_roll(
        position, pan, tilt, roll, focal_length, image_size, center, BrownConradyLens(*parts)
    )


def _robust_smooth(
    values: np.ndarray,
    weights: np.ndarray,
    times: np.ndarray,
    order: int,
    strength: float,
    count: int | None = None,
) -> np.ndarray:
    """Smooth a series in spite of outliers.

    Args:
        values: ``(N, D)``.
        weights: ``(N,)``.
        times: Frame of each value, increasing, from 0, ``(N,)``.
        order: Of the differences that are kept small.
        strength: Smoothing time in frames.
        count: Frames of the result; without it all up to the last time.

    Returns:
        Values of all frames, ``(count, D)``.
    """
    count = count or int(times[-1]) + 1
    fitting = weights
    for _ in range(_ROBUST_ITERATIONS):
        smooth = _whittaker(values, fitting, times, order, strength, count)
        deviation = _joint_deviation(values - smooth[times])
        # Of a fast movement all neighbours have large deviations, of an outlier none.
        nearby = median_filter(deviation, size=_NEIGHBOURS, mode="nearest")
        scale = _ROBUST_SCALE * _MAD_TO_DEVIATION * np.maximum(nearby, np.median(deviation))
        fitting = weights / (1 + np.square(deviation / np.maximum(scale, _MIN_SCALE))) ** 2
    return smooth


def _joint_deviation(deviations: np.ndarray) -> np.ndarray:
    """Norm of deviations ``(N, D)``, each column in units of its typical one: ``(N,)``."""
    typical = np.median(np.abs(deviations), axis=0)
    units = np.where(typical > _MIN_SCALE, typical, np.inf)
    return np.linalg.norm(deviations / units, axis=1)


def _whittaker(
    values: np.ndarray,
    weights: np.ndarray,
    times: np.ndarray,
    order: int,
    strength: float,
    count: int,
) -> np.ndarray:
    """Minimise the weighted squared deviations plus the squared differences of an order.

    Frames without a value are bridged. A wave of angular frequency ``1 / strength`` keeps half of
    its height.
    """
    observed, target = np.zeros(count), np.zeros((count, values.shape[1]))
    observed[times] = weights
    target[times] = weights[:, None] * values
    difference = sparse.eye(count, format="csr")
    for _ in range(order):
        difference = difference[1:] - difference[:-1]
    system = sparse.diags(observed) + strength ** (2 * order) * (difference.T @ difference)
    return splu(sparse.csc_matrix(system)).solve(target)
