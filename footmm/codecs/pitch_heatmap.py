"""Pitch keypoints and line ends as heatmaps."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.codecs.utils import get_heatmap_maximum

from footmm.errors import ConfigError
from footmm.pitch.dimensions import STRAIGHT_LINE_CLASSES
from footmm.registry import KEYPOINT_CODECS

_RADIUS_IN_SIGMAS = 3.0
"""Half the side of the square outside which a Gaussian is cut to zero."""

_PEAK_DISTANCE_IN_SIGMAS = 2.0
"""Two ends of a line nearer to each other than this melt into one peak."""

_MAX_STEP = 1.0
"""Pixels of the heatmap a refined peak may lie from its pixel: beyond, it is extrapolation."""

_LOWEST = 1e-10
"""Smallest value that a logarithm is taken of."""


@KEYPOINT_CODECS.register_module()
class PitchHeatmap(BaseKeypointCodec):
    """One heatmap for each pitch keypoint and, on demand, for each straight line.

    Pixel centres are at integers, in the input as in the heatmap, and the corner pixels' centres
    coincide: ``input = heatmap * (input_size - 1) / (heatmap_size - 1)`` (UDP: Huang et al., The
    Devil is in the Details, CVPR 2020). A keypoint is a Gaussian of height one at its exact place,
    which need not be a pixel; a line is two of them, at the ends of its visible part.

    Decoding takes the highest pixel, and moves it by a Newton step on the logarithm of the blurred
    heatmap (DARK: Zhang et al., Distribution-Aware Coordinate Representation, CVPR 2020, eq. 8).
    Unlike ``mmpose.UDPHeatmap`` it blurs only what the step needs, which is far faster, and does
    not take the outside of the map for zeros, so it has no bias at the border.

    Args:
        input_size: Width and height of the network's input, pixels.
        heatmap_size: Width and height of the heatmaps, pixels.
        sigma: Standard deviation of the Gaussians, pixels of the heatmap.
        with_lines: Whether to encode the ends of straight lines too.
        blur_kernel_size: Side of the Gaussian kernel that smooths maps before refinement, odd; 11
            goes with a sigma of 2.

    Raises:
        ConfigError: For an argument out of its range.
    """

    # GenerateTarget hands these parts of a sample to encode(), if they are there.
    auxiliary_encode_keys = {"keypoints_visible_weights", "lines"}
    field_mapping_table = dict(heatmaps="heatmaps", line_heatmaps="line_heatmaps")
    label_mapping_table = dict(keypoint_weights="keypoint_weights", line_weights="line_weights")

    def __init__(
        self,
        input_size: tuple[int, int],
        heatmap_size: tuple[int, int],
        sigma: float = 2.0,
        with_lines: bool = False,
        blur_kernel_size: int = 11,
    ) -> None:
        super().__init__()
        _check_arguments(input_size, heatmap_size, sigma, blur_kernel_size)
        self.input_size = tuple(input_size)
        self.heatmap_size = tuple(heatmap_size)
        self.sigma = sigma
        self.with_lines = with_lines
        self.blur_kernel_size = blur_kernel_size
        self.scale_factor = (np.array(input_size) - 1.0) / (np.array(heatmap_size) - 1.0)
        kernel = cv2.getGaussianKernel(blur_kernel_size, 0)[:, 0]
        distance = np.abs(np.arange(blur_kernel_size) - blur_kernel_size // 2)
        # Row i smooths a window around a pixel at that pixel + i - 1.
        self._smoother, self._distance = (
            np.stack([np.pad(values, (i, 2 - i)) for i in range(3)])
            for values in (kernel, distance)
        )

    def encode(
        self,
        keypoints: np.ndarray,
        keypoints_visible: np.ndarray | None = None,
        keypoints_visible_weights: np.ndarray | None = None,
        lines: Mapping[str, np.ndarray] | None = None,
    ) -> dict[str, np.ndarray]:
        """Draw the heatmaps of a frame.

        A keypoint known to be out of view has an empty map and weight one, so that false points are
        punished; a keypoint that is not annotated has weight zero. A line that is not annotated has
        an empty map and weight one, since annotators mark every line they see; one that is marked
        by a single place, so that its ends are unknown, has weight zero.

        Args:
            keypoints: ``(1, K, 2)`` pixels of the input.
            keypoints_visible: ``(1, K)``, 1 where a point is in the input, else 0. None for ones.
            keypoints_visible_weights: ``(1, K)``, 1 where ``keypoints_visible`` is known, else 0.
                None for ones. ``mmpose.GenerateTarget`` makes both of ``(1, K, 2)``.
            lines: Annotated points ``(N, 2)`` of lines by name, pixels of the input, in any order,
                in the input or not; nan are left out. Circles are ignored. Needed for
                ``with_lines`` only.

        Returns:
            ``heatmaps (K, h, w)`` and ``keypoint_weights (1, K)``; with lines, in the order of
            :data:`footmm.pitch.dimensions.STRAIGHT_LINE_CLASSES`, ``line_heatmaps (23, h, w)`` and
            ``line_weights (1, 23)`` too. All float32.

        Raises:
            ConfigError: The sample has no lines, and ``with_lines`` asks for them.
        """
        ones = np.ones(keypoints.shape[:2])
        visible = ones if keypoints_visible is None else keypoints_visible
        known = ones if keypoints_visible_weights is None else keypoints_visible_weights
        drawn = (visible > 0) & (known > 0)
        encoded = dict(
            heatmaps=self._draw(np.where(drawn[..., None], keypoints, np.nan)[0]),
            keypoint_weights=known.astype(np.float32),
        )
        if not self.with_lines:
            return encoded
        if lines is None:
            raise ConfigError(
                "PitchHeatmap(with_lines=True) was given a sample without 'lines': use a dataset "
                "that has annotated lines, or with_lines=False"
            )
        return encoded | self._encode_lines(lines)

    def decode(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the keypoints.

        Args:
            encoded: ``(K, h, w)`` heatmaps, not negative.

        Returns:
            Keypoints ``(1, K, 2)``, float32 pixels of the input, and their scores ``(1, K)``, the
            heights of the peaks. Where a map is empty: nan, and score 0.

        Raises:
            ConfigError: The heatmaps are not of ``heatmap_size``.
        """
        self._check_heatmaps(encoded)
        peaks, scores = get_heatmap_maximum(encoded)
        return self._refine(encoded, peaks[:, None])[None, :, 0], scores[None]

    def decode_lines(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the two ends of each line: the two highest local maxima that are apart.

        Args:
            encoded: ``(L, h, w)`` heatmaps of lines, not negative.

        Returns:
            Ends ``(L, 2, 2)``, float32 pixels of the input, and their scores ``(L, 2)``, the
            heights of the peaks, the higher one first. Where there is no such peak: nan, and score
            0.

        Raises:
            ConfigError: The heatmaps are not of ``heatmap_size``.
        """
        self._check_heatmaps(encoded)
        maxima = _local_maxima(encoded)
        first, first_scores = get_heatmap_maximum(maxima)
        reach = round(_PEAK_DISTANCE_IN_SIGMAS * self.sigma)
        for values, (x, y) in zip(maxima, first.astype(int), strict=True):
            values[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1] = 0.0
        second, second_scores = get_heatmap_maximum(maxima)
        ends = self._refine(encoded, np.stack([first, second], 1))
        return ends, np.stack([first_scores, second_scores], 1)

    def _encode_lines(self, lines: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        ends = np.full((len(STRAIGHT_LINE_CLASSES), 2, 2), np.nan)
        weights = np.ones((1, len(STRAIGHT_LINE_CLASSES)), dtype=np.float32)
        for i, name in enumerate(STRAIGHT_LINE_CLASSES):
            points = np.asarray(lines.get(name, ()), dtype=np.float64).reshape(-1, 2)
            points = points[np.isfinite(points).all(1)]
            if len(points) == 0:
                continue
            if np.ptp(points, axis=0).max() == 0:
                weights[0, i] = 0.0
                continue
            ends[i] = visible_ends(points, self.input_size)
        heatmaps = np.maximum(self._draw(ends[:, 0]), self._draw(ends[:, 1]))
        return dict(line_heatmaps=heatmaps, line_weights=weights)

    def _draw(self, points: np.ndarray) -> np.ndarray:
        """Heatmaps ``(P, h, w)`` of points ``(P, 2)`` in pixels of the input; empty where nan.

        ``mmpose.codecs.utils.generate_udp_gaussian_heatmaps`` shifts a Gaussian at the left and
        upper border by a pixel where three sigmas are no integer.
        """
        centres = points / self.scale_factor
        factors = []
        for axis, size in enumerate(self.heatmap_size):
            offsets = (np.arange(size) - centres[:, axis, None]) / self.sigma
            inside = np.abs(offsets) <= _RADIUS_IN_SIGMAS
            heights = np.where(inside, np.exp(-0.5 * offsets**2), 0.0)
            factors.append(heights.astype(np.float32))
        return factors[1][:, :, None] * factors[0][:, None, :]

    def _refine(self, heatmaps: np.ndarray, peaks: np.ndarray) -> np.ndarray:
        """Peaks ``(L, P, 2)`` at pixels of heatmaps ``(L, h, w)``, refined, in pixels of the input.

        Peaks that do not exist are negative, as :func:`get_heatmap_maximum` marks them, and become
        nan.
        """
        size = np.array(self.heatmap_size)
        index = np.broadcast_to(np.arange(len(heatmaps))[:, None], peaks.shape[:2]).reshape(-1)
        pixels = peaks.reshape(-1, 2).astype(np.int64)
        # The derivatives need a neighbour on each side; a Gaussian's are as good one pixel aside.
        centres = np.clip(pixels, 1, size - 2)
        refined = centres + _newton_steps(self._log_neighbourhoods(heatmaps, index, centres))
        refined = np.clip(refined, pixels - _MAX_STEP, pixels + _MAX_STEP) * self.scale_factor
        refined[(pixels < 0).any(1)] = np.nan
        return refined.reshape(peaks.shape).astype(np.float32)

    def _log_neighbourhoods(
        self, heatmaps: np.ndarray, index: np.ndarray, centres: np.ndarray
    ) -> np.ndarray:
        """Logarithms ``(P, 3, 3)`` of the smoothed maps ``index (P,)`` around ``centres (P, 2)``.

        Near the border the kernel is cut to what lies in the map, on both sides alike: a lopsided
        one would move the peak.
        """
        reach = self.blur_kernel_size // 2 + 1
        size = np.array(self.heatmap_size)
        margin = np.minimum(centres, size - 1 - centres)[..., None, None] - 1
        weights = self._smoother * (self._distance <= margin)
        weights /= weights.sum(-1, keepdims=True)
        places = centres[..., None] + np.arange(-reach, reach + 1)
        columns, rows = np.clip(places, 0, size[:, None] - 1).swapaxes(0, 1)
        windows = heatmaps[index[:, None, None], rows[:, :, None], columns[:, None, :]]
        smooth = weights[:, 1] @ windows @ weights[:, 0].swapaxes(1, 2)
        return np.log(np.maximum(smooth, _LOWEST))

    def _check_heatmaps(self, heatmaps: np.ndarray) -> None:
        width, height = self.heatmap_size
        if heatmaps.ndim != 3 or heatmaps.shape[1:] != (height, width):
            raise ConfigError(
                f"heatmaps of shape {heatmaps.shape} do not fit PitchHeatmap(heatmap_size="
                f"{self.heatmap_size}), which takes (maps, {height}, {width}): heatmap_size has to "
                "be the input size divided by the stride of the head"
            )


def _local_maxima(heatmaps: np.ndarray) -> np.ndarray:
    """Heatmaps ``(L, h, w)`` that are zero wherever one of the eight neighbours is higher.

    ``mmpose.codecs.utils.batch_heatmap_nms`` takes ten times as long.
    """
    highest = np.empty(heatmaps.shape, heatmaps.dtype)
    for source, target in zip(heatmaps, highest, strict=True):
        cv2.dilate(source, np.ones((3, 3), np.uint8), dst=target)
    return heatmaps * (heatmaps == highest)


def visible_ends(points: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Ends of the part of a line that an image shows.

    The points are connected in their order along the line's principal direction, and the ends of
    what is inside the image lie on that polyline: a lens may bend the line.

    Args:
        points: ``(N, 2)`` pixels, at least two different ones, in any order, in the image or not.
        image_size: Width and height, pixels.

    Returns:
        ``(2, 2)`` pixels, the ends in no particular order; nan where the line is not in the image.
    """
    centred = points - points.mean(0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    ordered = points[np.argsort(centred @ direction, kind="stable")]
    # Liang and Barsky, 1984: where each segment crosses the four borders, as a share of its length.
    margins = np.concatenate([ordered, np.array(image_size) - 1.0 - ordered], 1)
    before, after = margins[:-1], margins[1:]
    crossing = before / np.where(before == after, 1.0, before - after)
    enter = np.where(before < 0, np.where(after < 0, np.inf, crossing), 0.0).max(1)
    leave = np.where(after < 0, np.where(before < 0, -np.inf, crossing), 1.0).min(1)
    shown = np.flatnonzero(enter <= leave)
    if len(shown) == 0:
        return np.full((2, 2), np.nan)
    first, last = shown[0], shown[-1]
    steps = np.diff(ordered, axis=0)
    return np.stack(
        [ordered[first] + enter[first] * steps[first], ordered[last] + leave[last] * steps[last]]
    )


def _newton_steps(values: np.ndarray) -> np.ndarray:
    """Steps ``(P, 2)`` from the middle of ``values (P, 3, 3)`` to the maximum of their parabola.

    Zero where they have no maximum.
    """
    middle = values[:, 1, 1]
    left, right, above, below = values[:, 1, 0], values[:, 1, 2], values[:, 0, 1], values[:, 2, 1]
    dx, dy = (right - left) / 2, (below - above) / 2
    dxx, dyy = right - 2 * middle + left, below - 2 * middle + above
    dxy = (values[:, 2, 2] - values[:, 2, 0] - values[:, 0, 2] + values[:, 0, 0]) / 4
    determinant = dxx * dyy - dxy**2
    peaked = (determinant > 0) & (dxx < 0)
    steps = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], -1)
    return np.where(peaked[:, None], steps / np.where(peaked, determinant, 1.0)[:, None], 0.0)


def _check_arguments(
    input_size: tuple[int, int],
    heatmap_size: tuple[int, int],
    sigma: float,
    blur_kernel_size: int,
) -> None:
    for name, size in (("input_size", input_size), ("heatmap_size", heatmap_size)):
        if len(size) != 2 or min(size) < 3:
            raise ConfigError(f"PitchHeatmap: {name}={size} is not (width, height) of 3 or more")
    if sigma <= 0:
        raise ConfigError(f"PitchHeatmap: sigma={sigma} is not positive")
    if blur_kernel_size < 1 or blur_kernel_size % 2 == 0:
        raise ConfigError(f"PitchHeatmap: blur_kernel_size={blur_kernel_size} is not an odd number")
