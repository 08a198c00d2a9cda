"""The camera of a frame from pitch keypoints and lines, with gross errors among them.

1. Robust homographies of the keypoints, and of the keypoints with the crossings of the lines, give
   first cameras (:func:`~footmm.pitch.homography.homography_to_camera`), refined together on points
   and lines. Where they explain too little, cameras at usual positions are tried.
2. The one with the smallest truncated cost is refined on all that agrees with it, also with circles
   and goal posts: rotation, focal length, position and one coefficient of radial distortion, with
   the Cauchy kernel and a weak prior
   (:data:`~footmm.pitch.calibration_search.BROADCAST_PRIOR`).
   A lens that throws far markings into the image is left out if the frame does not insist on it.
3. The plain homography that explains the same observations best is refined from it.

The camera has square pixels and its principal point in the middle of the image. Points and lines
together are what PnLCalib (Gutierrez-Perez and Agudo, 2024) refines a camera on; the lens is
what TVCalib (Theiner and Ewerth, 2023) finds to matter for broadcasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch

from footmm.errors import DataFormatError, did_you_mean
from footmm.pitch.calibration_evidence import (
    REFERENCE_WIDTH,
    Evidence,
    ReferenceFrame,
    collect_evidence,
)
from footmm.pitch.calibration_search import (
    BROADCAST_PRIOR,
    FINAL_SETTINGS,
    MAX_DISTANCE,
    CameraBatch,
    CameraSearch,
)
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import LINE_CLASSES, PitchDimensions
from footmm.pitch.homography import MIN_POINTS
from footmm.pitch.keypoints import KEYPOINT_SETS, KeypointSet
from footmm.pitch.lens import BrownConradyLens
from footmm.pitch.levenberg_marquardt import RefinementSettings
from footmm.pitch.line_keypoints import keypoints_from_lines
from footmm.pitch.observations import GROUND_COLUMNS, world_homogeneous
from footmm.pitch.refinement import CAMERA_PARAMETERS, CameraPrior, refine_homography_on

_STANDARD_PITCH = PitchDimensions()

_LINE_WEIGHT = 2.0
"""Of a point on a line: it is measured in one direction, a keypoint in two."""

_MAX_PASSES = 3
"""Refinements on what agrees with the last one; two are enough nearly always."""

_WITHOUT_LENS = tuple(name for name in CAMERA_PARAMETERS if name != "radial")

_GHOST_GAIN = 2.0
"""A lens that shows ghosts has to lower the mean squared distance by this factor, as a real one
does easily; else a few inaccurate points made it up."""

_SUPPORT_POINTS = 60
_SUPPORT_WEIGHT = 0.02
_SUPPORT_SPACING = 2.0
"""Points of the camera's markings that hold the plain homography where nothing was found: at most
so many, together as heavy as one keypoint, of points so many metres apart."""

_HOMOGRAPHY_SETTINGS = RefinementSettings("huber", 4.0, max_iterations=12, tolerance=0.05)
"""Of the plain homography. What disagrees with the camera is left out already, and where the lens
bends the rest away from any homography, that is no outlier."""

_HEIGHT_RANGE = (1.0, 150.0)
_MAX_OFFSET = 250.0
_FOCAL_LENGTH_RANGE = (0.3, 15.0)
"""Metres above the ground, metres from the centre spot, and widths of the image, outside of which
no broadcast camera is: a failed search ends far outside."""

_CONFIDENT_RMS = 5.0
"""Pixels of the reference width that halve the confidence."""

_CONFIDENT_COVERAGE = 0.2
"""Share of the image between the observations from which on more does not help."""

_CONFIDENT_EQUATIONS = (6, 24)
"""Of a camera's eight unknowns the prior holds about two, so that any six equations fit one: these
say nothing. Three times as many again say enough."""


@dataclass(frozen=True)
class CalibrationSettings:
    """How to find cameras.

    Attributes:
        min_score: Keypoints and line points with a smaller score are ignored.
        min_inliers: Share of the observations, by weight, that have to agree with the camera, to
            15 pixels of an image of 960.
        prior: What is known of the camera beforehand; its ``noise_px`` is in pixels of an image of
            960.

    Raises:
        ValueError: For numbers out of their range.
    """

    min_score: float = 0.1
    min_inliers: float = 0.4
    prior: CameraPrior = BROADCAST_PRIOR

    def __post_init__(self) -> None:
        if not self.min_score >= 0:
            raise ValueError(f"min_score must not be negative, got {self.min_score}")
        if not 0 < self.min_inliers <= 1:
            raise ValueError(f"min_inliers must be above 0 and at most 1, got {self.min_inliers}")


@dataclass(frozen=True, eq=False)
class Calibration:
    """The camera of a frame, or why there is none.

    Attributes:
        camera: Unbatched, with a :class:`~footmm.pitch.lens.BrownConradyLens` that has k1 only, for
            the size of the image; None where there is none.
        homography: ``(3, 3)``, ground to image, oriented, Frobenius norm one; None without a
            camera. The plain homography that explains the image as it is best. It differs from
            ``camera.homography()``, which maps to an image without the lens's distortion.
        confidence: 0 to 1; zero without a camera. The product of four: the share of the
            observations, by weight, that agree with the camera; 1 / (1 + (rms / 5 px)^2), with
            their distance in pixels of an image of 960; the root of the share of the image that
            their convex hull covers, counted up to a fifth of the image; and by how much their
            equations (two for a keypoint, one for a point on a line) exceed the six that some
            camera always fits, as a share of eighteen and at most one.
        failure: Why there is no camera, a sentence for the user; None with a camera.
        keypoint_inliers: ``(K,)`` bool, the keypoints that agree with the camera.
        rms_px: Root mean square distance of what agrees, pixels of the image; nan without a camera.
    """

    camera: Camera | None
    homography: np.ndarray | None
    confidence: float
    failure: str | None
    keypoint_inliers: np.ndarray
    rms_px: float


def calibrate(
    image_size: tuple[int, int],
    keypoint_set: KeypointSet,
    keypoints: np.ndarray,
    scores: np.ndarray,
    lines: Mapping[str, np.ndarray] | None = None,
    line_scores: Mapping[str, np.ndarray | float] | None = None,
    dimensions: PitchDimensions | None = None,
    settings: CalibrationSettings | None = None,
    initial: Camera | None = None,
) -> Calibration:
    """Find the camera of a frame from detected keypoints and lines.

    Deterministic. What is nan or has a score below ``settings.min_score`` is ignored; scores, up to
    one, are the weights of the rest.

    Args:
        image_size: Width and height in pixels.
        keypoint_set: What the keypoints are.
        keypoints: ``(K, 2)`` pixels.
        scores: ``(K,)``.
        lines: Points ``(N, 2)`` in pixels anywhere on markings, straight or round, by the names of
            :data:`LINE_CLASSES`.
        line_scores: Scores ``(N,)`` of these points, or one for all, by line class; one for classes
            that are not given.
        dimensions: The pitch; 105 x 68 m without it.
        settings: How to find it.
        initial: A camera to start from too, such as the last frame's, for an image of the same
            size; of its lens, k1 counts.

    Returns:
        The camera, or why there is none.

    Raises:
        DataFormatError: For wrong shapes, or a name that is no line class.
    """
    settings, dimensions = settings or CalibrationSettings(), dimensions or _STANDARD_PITCH
    keypoints, scores = np.asarray(keypoints, float), np.asarray(scores, float)
    count = len(keypoint_set)
    if keypoints.shape != (count, 2) or scores.shape != (count,):
        raise DataFormatError(
            f"keypoints {keypoints.shape} and scores {scores.shape}: the set {keypoint_set.name} "
            f"needs ({count}, 2) and ({count},)"
        )
    frame = ReferenceFrame(image_size)
    used = np.isfinite(keypoints).all(axis=1) & (scores >= settings.min_score)
    evidence = collect_evidence(
        _world(keypoint_set, dimensions)[used],
        frame.from_image(keypoints[used]),
        np.minimum(scores[used], 1.0),
        _usable_lines(lines or {}, line_scores or {}, frame, settings.min_score),
        dimensions,
    )
    solver = _Solver(frame, dimensions, settings, evidence, evidence.weights)
    return solver.calibration(used, initial)


def calibrate_lines(
    lines: Mapping[str, np.ndarray],
    image_size: tuple[int, int],
    dimensions: PitchDimensions | None = None,
    settings: CalibrationSettings | None = None,
    initial: Camera | None = None,
) -> Calibration:
    """Find the camera of a frame from annotated lines.

    Keypoints are constructed from the lines
    (:func:`~footmm.pitch.line_keypoints.keypoints_from_lines`) to find a first camera; the last one
    is refined on the points of the lines alone.

    Args:
        lines: As in :func:`calibrate`.
        image_size: Width and height in pixels.
        dimensions: The pitch; 105 x 68 m without it.
        settings: How to find it.
        initial: As in :func:`calibrate`.

    Returns:
        The camera, or why there is none; ``keypoint_inliers`` are those of ``kp57``.

    Raises:
        DataFormatError: For wrong shapes, or a name that is no line class.
    """
    settings, dimensions = settings or CalibrationSettings(), dimensions or _STANDARD_PITCH
    keypoint_set, frame = KEYPOINT_SETS["kp57"], ReferenceFrame(image_size)
    found = keypoints_from_lines(lines, image_size, keypoint_set, dimensions=dimensions)
    evidence = collect_evidence(
        _world(keypoint_set, dimensions)[found.constructed],
        frame.from_image(found.xy[found.constructed]),
        np.ones(np.count_nonzero(found.constructed)),
        _usable_lines(lines, {}, frame, settings.min_score),
        dimensions,
    )
    weights = np.where(evidence.is_keypoint, 0.0, evidence.weights)
    return _Solver(frame, dimensions, settings, evidence, weights).calibration(
        found.constructed, initial
    )


def _usable_lines(
    lines: Mapping[str, np.ndarray],
    scores: Mapping[str, np.ndarray | float],
    frame: ReferenceFrame,
    min_score: float,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Points in reference pixels and weights of the lines that have any."""
    usable = {}
    for name, given in lines.items():
        if name not in LINE_CLASSES:
            raise DataFormatError(
                f"lines[{name!r}]: no line class has this name{did_you_mean(name, LINE_CLASSES)}"
            )
        points = np.asarray(given, dtype=float)
        score = np.asarray(scores.get(name, 1.0), dtype=float)
        if points.size == 0:
            continue
        if points.shape[1:] != (2,) or score.shape not in ((), points.shape[:1]):
            raise DataFormatError(
                f"lines[{name!r}]: points {points.shape} and scores {score.shape}, expected "
                "(N, 2) pixels and (N,) or one score"
            )
        score = np.broadcast_to(score, len(points))
        used = np.isfinite(points).all(axis=1) & (score >= min_score)
        if used.any():
            weights = _LINE_WEIGHT * np.minimum(score[used], 1.0)
            usable[name] = frame.from_image(points[used]), weights
    return usable


@dataclass(frozen=True, eq=False)
class _Solver:
    """Finds the camera of one frame.

    Attributes:
        frame: The picture.
        dimensions: The pitch.
        settings: How to find it.
        evidence: What was found.
        weights: ``(N + L + C,)`` of the observations that decide in the end.
    """

    frame: ReferenceFrame
    dimensions: PitchDimensions
    settings: CalibrationSettings
    evidence: Evidence
    weights: np.ndarray

    def calibration(self, used: np.ndarray, initial: Camera | None) -> Calibration:
        """Find the camera.

        Args:
            used: ``(K,)`` bool, which keypoints are in the evidence.
            initial: A camera to start from too.
        """
        none_of_them = np.zeros(len(used), dtype=bool)
        found = self._find(initial)
        if isinstance(found, str):
            return Calibration(None, None, 0.0, found, none_of_them, float("nan"))
        camera, squared = found
        agree = squared < MAX_DISTANCE**2
        weights = np.where(agree, self.weights, 0.0)
        homography = self._homography(camera, weights)
        if homography is None:
            failure = "what agrees with the camera that explains the frame best fixes no homography"
            return Calibration(None, None, 0.0, failure, none_of_them, float("nan"))
        inliers = none_of_them.copy()
        inliers[used] = agree[self.evidence.is_keypoint]
        rms = float(np.sqrt((weights * np.where(agree, squared, 0.0)).sum() / weights.sum()))
        return Calibration(
            self._camera(camera),
            homography,
            self._confidence(weights, rms),
            None,
            inliers,
            rms / self.frame.scale,
        )

    def _find(self, initial: Camera | None) -> tuple[CameraBatch, np.ndarray] | str:
        """The camera and squared distances ``(N + L + C,)`` from it, or why there is none."""
        seen = self.evidence.num_ground_points
        if seen < MIN_POINTS:
            return (
                f"too little of the pitch was found: {seen} different keypoints and crossings of "
                f"lines on the ground, a camera needs {MIN_POINTS}"
            )
        search = CameraSearch(self.evidence, self.frame, self.weights, self.settings.prior)
        first = search.find(None if initial is None else self._batch(initial))
        if first is None:
            return "what was found of the pitch gives no camera to start from"
        camera, squared = first.camera, first.squared
        for _ in range(_MAX_PASSES):
            agree = squared < MAX_DISTANCE**2
            weights = np.where(agree, self.weights, 0.0)
            camera, squared = search.refine(camera, weights, FINAL_SETTINGS)
            if (agree == (squared < MAX_DISTANCE**2)).all():
                break
        if self._shows_ghosts(camera):
            weights = np.where(squared < MAX_DISTANCE**2, self.weights, 0.0)
            pinhole = camera._replace(radial=np.zeros(1))
            without = search.refine(pinhole, weights, FINAL_SETTINGS, _WITHOUT_LENS)
            if self._mean_square(without[1]) < _GHOST_GAIN * self._mean_square(squared):
                camera, squared = without
        objection = self._objection(camera, squared[0] < MAX_DISTANCE**2)
        return objection or (camera, squared[0])

    def _mean_square(self, squared: np.ndarray) -> float:
        """Weighted mean of squared distances ``(1, N + L + C)``, cut off at the largest."""
        cut = np.minimum(squared[0], MAX_DISTANCE**2)
        return float((self.weights * cut).sum() / self.weights.sum())

    def _objection(self, camera: CameraBatch, agree: np.ndarray) -> str | None:
        """What speaks against a camera, if anything does."""
        share = self.weights[agree].sum() / self.weights.sum()
        if share < self.settings.min_inliers:
            return (
                f"no camera explains what was found of the pitch: the best one agrees with "
                f"{share:.0%} of it, at least {self.settings.min_inliers:.0%} are asked for"
            )
        x, y, height = camera.position[0]
        if not _HEIGHT_RANGE[0] <= height <= _HEIGHT_RANGE[1]:
            return f"the camera that explains the frame best is {height:.0f} m above the ground"
        if np.hypot(x, y) > _MAX_OFFSET:
            return (
                "the camera that explains the frame best is "
                f"{np.hypot(x, y):.0f} m away from the centre spot"
            )
        widths = camera.focal_length[0] / REFERENCE_WIDTH
        if not _FOCAL_LENGTH_RANGE[0] <= widths <= _FOCAL_LENGTH_RANGE[1]:
            return (
                "the camera that explains the frame best has a focal length of "
                f"{widths:.2g} widths of the image"
            )
        return None

    def _batch(self, camera: Camera) -> CameraBatch:
        """A camera for the picture as a batch of one in reference pixels."""
        lens = camera.lens
        radial = lens.radial[..., 0] if isinstance(lens, BrownConradyLens) else torch.zeros(())
        parts = (
            camera.rotation,
            camera.intrinsics[0, 0] * self.frame.scale,
            camera.position,
            radial,
        )
        return CameraBatch(*(part.detach().cpu().double().numpy()[None] for part in parts))

    def _camera(self, found: CameraBatch) -> Camera:
        """A found camera for the picture."""
        intrinsics = np.eye(3)
        intrinsics[:2, :2] *= found.focal_length[0] / self.frame.scale
        intrinsics[:2, 2] = (np.array(self.frame.image_size) - 1) / 2
        lens = BrownConradyLens.from_radial(found.radial[0])
        parts = (intrinsics, found.rotation[0], found.position[0])
        return Camera(*map(torch.from_numpy, parts), self.frame.image_size, lens)

    def _homography(self, camera: CameraBatch, weights: np.ndarray) -> np.ndarray | None:
        """The plain homography to the picture that explains what agrees with a camera, if any."""
        seen = self.evidence.observations
        world, pixels = self._visible_markings(camera)
        on_ground = np.where(self.evidence.elevated, 0.0, weights)
        count = seen.points.shape[1]
        support = np.full(len(world), _SUPPORT_WEIGHT)
        both = seen._replace(
            points=np.concatenate([seen.points, world[None]], axis=1),
            points_image=np.concatenate([seen.points_image, pixels[None]], axis=1),
            weights=np.concatenate([on_ground[:count], support, on_ground[count:]])[None],
        )
        view = camera.view(self.frame.centre)
        start = np.eye(3)[None]
        start[:, :2, :2], start[:, :2, 2] = view.scale, view.centre
        start = start @ view.projection[..., GROUND_COLUMNS]
        solution, matrix = refine_homography_on(start, both, _HOMOGRAPHY_SETTINGS)
        if not solution.valid[0]:
            return None
        matrix = self.frame.homography_to_image(matrix[0])
        return matrix / np.linalg.norm(matrix)

    def _shows_ghosts(self, camera: CameraBatch) -> bool:
        """Whether the lens throws markings that are far outside the view into the image.

        A k1 below zero turns back at some radius. Those who project with it as it is, as
        SoccerNet's evaluator does, see them.
        """
        if camera.radial[0] >= 0:
            return False
        _, inside, is_turned = self._project_markings(camera)
        return bool((inside & is_turned).any())

    def _visible_markings(self, camera: CameraBatch) -> tuple[np.ndarray, np.ndarray]:
        """Points of the ground's markings ``(M, 4)`` and where a camera sees them ``(M, 2)``."""
        pixels, inside, is_turned = self._project_markings(camera)
        visible = np.flatnonzero(inside & ~is_turned)
        count = min(len(visible), _SUPPORT_POINTS)
        chosen = visible[np.linspace(0, len(visible) - 1, count).astype(int)]
        return _ground_markings(self.dimensions)[chosen], pixels[chosen]

    def _project_markings(self, camera: CameraBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels of the ground's markings, if they are in the image, and beyond the lens's turn."""
        world = _ground_markings(self.dimensions)
        plane, _, ahead = camera.view(self.frame.centre).to_plane(world[None])
        bend = camera.radial * (plane * plane).sum(-1)[0]
        pixels = plane[0] * (1 + bend)[:, None] * camera.focal_length + self.frame.centre
        inside = ((pixels >= -0.5) & (pixels <= np.array(self.frame.size) - 0.5)).all(axis=1)
        return pixels, ahead[0] & inside, 1 + 3 * bend <= 0

    def _confidence(self, weights: np.ndarray, rms: float) -> float:
        """See :class:`Calibration`."""
        agree = weights > 0
        hull = cv2.convexHull(self.evidence.pixels[agree].astype(np.float32))
        coverage = cv2.contourArea(hull) / np.prod(self.frame.size)
        covered = np.sqrt(min(1.0, coverage / _CONFIDENT_COVERAGE))
        equations = agree.sum() + (agree & self.evidence.is_keypoint).sum()
        few, many = _CONFIDENT_EQUATIONS
        redundant = np.clip((equations - few) / (many - few), 0.0, 1.0)
        share = weights.sum() / self.weights.sum()
        return float(share * covered * redundant / (1 + (rms / _CONFIDENT_RMS) ** 2))


@lru_cache(maxsize=16)
def _world(keypoint_set: KeypointSet, dimensions: PitchDimensions) -> np.ndarray:
    """The places of keypoints ``(K, 3)``."""
    return keypoint_set.world(dimensions)


@lru_cache(maxsize=16)
def _ground_markings(dimensions: PitchDimensions) -> np.ndarray:
    """Homogeneous points ``(N, 4)`` on all markings of the ground."""
    points = [marking.sample(_SUPPORT_SPACING) for marking in dimensions.markings.values()]
    world = world_homogeneous(np.concatenate(points))
    return world[world[:, 2] == 0]
