"""The search for the camera of a frame: first cameras, and their refinement.

Cameras are refined in batches: several first cameras together take hardly longer than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from footmm.pitch.calibration_evidence import REFERENCE_WIDTH, Evidence, ReferenceFrame
from footmm.pitch.camera import Camera
from footmm.pitch.homography import homography_to_camera, robust_homography
from footmm.pitch.levenberg_marquardt import RefinementSettings, levenberg_marquardt
from footmm.pitch.observations import GROUND_COLUMNS, View, linearise
from footmm.pitch.refinement import CAMERA_PARAMETERS, CameraModel, CameraPrior

BROADCAST_PRIOR = CameraPrior(
    x=(0.0, 30.0),
    height=(15.0, 6.0),
    roll=(0.0, np.radians(1.0)),
    log_focal_length=(0.97, 0.5),
    bend=(0.07, 0.05),
    noise_px=1.0,
)
"""What is known of broadcast cameras before a frame is seen; one standard deviation weighs as much
as one keypoint that is a pixel off.

Height (9 to 24 m), roll (0.75 degrees) and focal length (1.2 to 4.5 widths) are the quantiles of
294 main cameras that PnLCalib finds in SoccerNet's calibration set, as
``tools/analysis/camera_statistics.py`` prints them, with wider deviations; the place along the
pitch is left almost free, for cameras behind the goals. PnLCalib knows no distortion: that of the
lenses was measured on the annotated lines of 143 of these frames, where k1 has the quartiles 0.25,
0.50 and 0.85 at 2.6 widths of focal length (:mod:`footmm.simulation.camera_rigs`).
"""

MAX_DISTANCE = 15.0
"""Observations that are further off, in pixels, are wrong: they are left out and cost as much as
this distance. Three times the distance at which SoccerNet counts a line as found."""

_THRESHOLDS = (3.0, 10.0)
"""Of the robust homographies, in pixels: of heatmaps at a quarter of the size, and of lenses that
bend the lines."""

_KERNEL_SCALE = 4.0
"""In pixels, below the 5 pixels at which SoccerNet counts a line as found: what is further off
shall not draw the rest away."""

_START_SETTINGS = RefinementSettings("cauchy", 2 * _KERNEL_SCALE, max_iterations=10, tolerance=0.2)
FINAL_SETTINGS = RefinementSettings("cauchy", _KERNEL_SCALE, max_iterations=12, tolerance=0.05)
_AIMING_SETTINGS = RefinementSettings("cauchy", 100.0, max_iterations=10, tolerance=1.0)
_APPROACH_SETTINGS = RefinementSettings("cauchy", 20.0, max_iterations=10, tolerance=1.0)

_USUAL_POSITIONS = (
    (0.0, -50.0, 10.0),
    (0.0, -65.0, 15.0),
    (0.0, -85.0, 20.0),
    (-75.0, 0.0, 12.0),
    (75.0, 0.0, 12.0),
    (0.0, 65.0, 15.0),
)
"""Metres: the main stand, behind both goals, and opposite. The first three are the 10, 50 and 90 %
quantiles of the statistics of :data:`BROADCAST_PRIOR`."""

_USUAL_FOCAL_LENGTH = 2.0
"""Widths of the image: rather wide, so that all that was found is in the image."""

_MAX_FIRST_COST = 0.3
"""Share of the cost that all observations together can have, above which the cameras from
homographies are taken for wrong, and those of usual positions are tried too."""


class CameraBatch(NamedTuple):
    """Cameras in reference pixels.

    Attributes:
        rotation: World to camera, ``(B, 3, 3)``.
        focal_length: ``(B,)``, pixels.
        position: ``(B, 3)``, metres.
        radial: k1, ``(B,)``.
    """

    rotation: np.ndarray
    focal_length: np.ndarray
    position: np.ndarray
    radial: np.ndarray

    @classmethod
    def of(cls, camera: Camera) -> CameraBatch:
        """The cameras ``(B,)``, without their lens."""
        focal_length = camera.intrinsics[:, 0, 0].numpy()
        radial = np.zeros(len(focal_length))
        return cls(camera.rotation.numpy(), focal_length, camera.position.numpy(), radial)

    def at(self, index: int) -> CameraBatch:
        """One of the cameras, as a batch."""
        return CameraBatch(*(part[index : index + 1] for part in self))

    def view(self, centre: np.ndarray) -> View:
        """The cameras with their principal point ``(2,)``, pixels, as observations see them."""
        shift = -(self.rotation @ self.position[..., None])
        return View(
            np.concatenate([self.rotation, shift], axis=-1),
            np.eye(2) * self.focal_length[:, None, None],
            np.broadcast_to(centre, (len(self.radial), 2)),
            self.radial,
        )


class Candidate(NamedTuple):
    """A camera and what it costs.

    Attributes:
        camera: One camera.
        squared: ``(1, N + L + C)`` squared distances of all observations.
        cost: Sum of weighted squared distances, those above :data:`MAX_DISTANCE` cut off, as a
            share of what it is if all are.
    """

    camera: CameraBatch
    squared: np.ndarray
    cost: float


@dataclass(frozen=True, eq=False)
class CameraSearch:
    """Finds the camera of one frame.

    Attributes:
        evidence: What was found.
        frame: The picture.
        final_weights: ``(N + L + C,)`` of the observations that decide in the end.
        prior: What is known beforehand.
    """

    evidence: Evidence
    frame: ReferenceFrame
    final_weights: np.ndarray
    prior: CameraPrior

    def refine(
        self,
        cameras: CameraBatch,
        weights: np.ndarray,
        settings: RefinementSettings,
        parameters: tuple[str, ...] = tuple(CAMERA_PARAMETERS),
    ) -> tuple[CameraBatch, np.ndarray]:
        """Refine cameras on observations.

        Args:
            cameras: B cameras.
            weights: ``(B | 1, N + L + C)`` of the observations.
            settings: Kernel and stopping rule.
            parameters: Which of ``CAMERA_PARAMETERS`` to change.

        Returns:
            The cameras, and the squared distances ``(B, N + L + C)`` of all observations, large for
            what is behind the camera.
        """
        count = len(cameras.radial)
        scale = np.eye(2) * cameras.focal_length[:, None, None]
        centre = np.broadcast_to(self.frame.centre, (count, 2))
        model = CameraModel(parameters, scale, centre, REFERENCE_WIDTH, self.prior)
        state = (cameras.rotation, np.zeros(count), cameras.position, cameras.radial)
        seen = self.evidence.observations._replace(weights=weights)
        solution = levenberg_marquardt(model, state, seen, settings)
        rotation, zoom, position, radial = solution.state
        refined = CameraBatch(rotation, cameras.focal_length * np.exp(zoom), position, radial)
        return refined, _with_limit(solution.distances)

    def squared_distances(self, view: View) -> np.ndarray:
        """Squared distances ``(B, N + L + C)`` of all observations from what views show."""
        seen = self.evidence.observations
        with np.errstate(all="ignore"):
            return _with_limit(seen.distances(linearise(view, seen).residual))

    def find(self, initial: CameraBatch | None) -> Candidate | None:
        """Find a first camera: the best of all that are tried, refined without circles.

        Args:
            initial: A camera to try too.

        Returns:
            None if there was nothing to start from.
        """
        candidates = self._from_homographies()
        if initial is not None:
            near = self.squared_distances(initial.view(self.frame.centre))
            candidates += self._refined(initial, near < (2 * MAX_DISTANCE) ** 2)
        best = min(candidates, key=lambda candidate: candidate.cost, default=None)
        if best is None or best.cost > _MAX_FIRST_COST:
            candidates += self._from_usual_positions()
        return min(candidates, key=lambda candidate: candidate.cost, default=None)

    def _from_homographies(self) -> list[Candidate]:
        """Cameras of robust homographies, refined on what agrees with those."""
        ground, image = self.evidence.ground_keypoints
        everything = (
            np.concatenate([ground, self.evidence.crossing_world]),
            np.concatenate([image, self.evidence.crossing_image]),
        )
        found = [
            robust_homography(ground, image, _THRESHOLDS[0]),
            *(robust_homography(*everything, threshold) for threshold in _THRESHOLDS),
        ]
        matrices = [matrix for matrix in found if matrix is not None]
        if not matrices:
            return []
        matrix = np.stack(matrices)
        camera, valid = homography_to_camera(matrix, self.frame.size, self.frame.centre)
        usable = valid.numpy()
        if not usable.any():
            return []
        # The decomposition of a noisy homography may give a camera that explains nothing, while the
        # homography itself knows very well which observations agree.
        agree = self.squared_distances(_ground_view(matrix[usable])) < MAX_DISTANCE**2
        return self._refined(CameraBatch.of(camera[valid]), agree & ~self.evidence.elevated)

    def _from_usual_positions(self) -> list[Candidate]:
        """Cameras where cameras usually stand, turned to what was found."""
        seen = self.evidence.observations
        middle = (seen.start[0] + seen.end[0]) / 2
        circles = np.pad(seen.center[0], ((0, 0), (0, 2)))
        places = np.concatenate([seen.points[0], middle, circles])[:, :3]
        if not len(places):
            return []
        focal_length = np.full(len(_USUAL_POSITIONS), _USUAL_FOCAL_LENGTH * REFERENCE_WIDTH)
        target = np.median(places, axis=0)
        camera = Camera.look_at(_USUAL_POSITIONS, target, focal_length, self.frame.size)
        weights = self.evidence.weights[None]
        cameras = CameraBatch.of(camera)
        cameras, _ = self.refine(cameras, weights, _AIMING_SETTINGS, ("rotation", "focal_length"))
        cameras, squared = self.refine(cameras, weights, _APPROACH_SETTINGS)
        return self._refined(cameras, squared < (4 * MAX_DISTANCE) ** 2)

    def _refined(self, cameras: CameraBatch, agree: np.ndarray) -> list[Candidate]:
        """Refine cameras on the observations ``(B, N + L + C)`` that agree with them."""
        # A circle's distance leads astray from afar.
        used = agree & ~self.evidence.on_circle
        weights = np.where(used, self.evidence.weights, 0.0)
        cameras, squared = self.refine(cameras, weights, _START_SETTINGS)
        cut = np.minimum(squared / MAX_DISTANCE**2, 1.0)
        costs = (self.final_weights * cut).sum(-1) / self.final_weights.sum()
        return [
            Candidate(cameras.at(i), squared[i : i + 1], float(cost))
            for i, cost in enumerate(costs)
        ]


def _with_limit(squared: np.ndarray) -> np.ndarray:
    """Squared distances with inf for those that are not known."""
    return np.where(np.isfinite(squared), squared, np.inf)


def _ground_view(homography: np.ndarray) -> View:
    """Homographies ``(B, 3, 3)`` of any sign as observations of the ground see them."""
    # That of a camera above the ground has a negative determinant if it is oriented.
    sign = -np.sign(np.linalg.det(homography))[:, None, None]
    projection = np.zeros((len(homography), 3, 4))
    projection[..., GROUND_COLUMNS] = sign * homography
    identity = np.broadcast_to(np.eye(2), (len(homography), 2, 2))
    return View(projection, identity, np.zeros((len(homography), 2)), np.zeros(len(homography)))
