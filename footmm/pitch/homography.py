"""Homographies between the ground plane and the image: estimation, quality, cameras.

A homography is a 3 x 3 matrix that takes ground points ``(x, y, 1)`` (metres, world frame) to image
points ``(u, v, 1)`` (pixels). Its scale means nothing, its sign does: **oriented** is one whose
third output coordinate is positive for points in front of the camera. Everything made here and by
:meth:`footmm.pitch.camera.Camera.homography` is oriented; :func:`orient_homography` turns those
of other sources, and the inverse of an oriented one is oriented as well.

All functions are batched over leading dimensions that broadcast, compute in float64, take numpy
arrays as well as tensors, and mark items that have no answer as invalid instead of raising.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from footmm.pitch.camera import Camera, intrinsics_matrix, to_homogeneous

MIN_POINTS = 4
"""Points that fix a homography."""

_MIN_RANK_GAP = 1e-6
"""Smallest ratio of the eighth to the first singular value of the normalised design matrix.

Degenerate sets stay below 1e-7 even when rounded to float32. Sets of four to eight visible pitch
keypoints in real views that are not degenerate are above 5e-6.
"""

_MAX_CONDITION = 1e6
"""Largest condition number of the normalised homography.

Beyond it the whole ground is seen as a line or a point, which is what least squares makes of
collinear points with noise (above 1e11). Real views are below 1e3.
"""

_MIN_SPREAD = 1e-9
"""Smallest spread of points relative to their distance from the origin; below it they are one."""

_MIN_DEPTH = 1e-9
"""Smallest depth of a point in front of the camera, relative to the largest; below is infinity."""

_MIN_AXIS_ANGLE = 1e-3
"""Smallest angle in radians between optical axis and vertical that fixes a focal length."""

_CONFIDENCE, _MAX_SAMPLES = 0.999, 2000
"""Of the robust search: probability of a sample without outliers, and samples at most."""


class HomographyFit(NamedTuple):
    """Estimated homographies of a batch.

    Attributes:
        homography: ``(..., 3, 3)`` ground (metres) to image (pixels), oriented, Frobenius norm one;
            nan where invalid.
        valid: ``(...)`` bool, whether the points of an item fix a homography that sees all of them
            from one side.
        inliers: ``(..., N)`` bool, the points the homography was fitted to; all False where
            invalid.
    """

    homography: Tensor
    valid: Tensor
    inliers: Tensor


class HomographyQuality(NamedTuple):
    """How well homographies explain point pairs. Points without weight are nan and left out.

    Attributes:
        condition: ``(...)`` condition number of the homography between normalised point sets.
        error_px: ``(..., N)`` distance in pixels of the projected ground point to the image point;
            inf where the ground point is not in front of the camera.
        error_m: ``(..., N)`` distance in metres on the ground; inf where the pixel is above the
            horizon.
        mean_px: ``(...)`` mean of ``error_px``.
        median_px: ``(...)`` median of ``error_px``.
        mean_m: ``(...)`` mean of ``error_m``.
        median_m: ``(...)`` median of ``error_m``.
        cheirality: ``(...)`` bool, whether all ground points are in front of the camera.
    """

    condition: Tensor
    error_px: Tensor
    error_m: Tensor
    mean_px: Tensor
    median_px: Tensor
    mean_m: Tensor
    median_m: Tensor
    cheirality: Tensor


class _PointPairs(NamedTuple):
    """Ground and image points with harmless numbers wherever an item cannot be fitted.

    Attributes:
        ground: ``(..., N, 2)`` metres.
        image: ``(..., N, 2)`` pixels.
        weights: ``(..., N)``, at most one.
        usable: ``(...)`` bool, whether an item's own points are in there.
    """

    ground: Tensor
    image: Tensor
    weights: Tensor
    usable: Tensor


def as_points(points: ArrayLike | Tensor, name: str, *sizes: int) -> Tensor:
    """Any array as float64 tensor, its last dimension checked.

    Args:
        points: ``(..., N, D)`` array or tensor.
        name: What to call it in the error.
        sizes: Allowed values of D.

    Returns:
        ``(..., N, D)`` float64.

    Raises:
        ValueError: For another shape.
    """
    tensor = torch.as_tensor(points, dtype=torch.float64)
    if tensor.ndim < 2 or tensor.shape[-1] not in sizes:
        wanted = " or ".join(f"(..., N, {size})" for size in sizes)
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {wanted}")
    return tensor


def as_homography(homography: ArrayLike | Tensor) -> Tensor:
    """Any array as float64 homography.

    Args:
        homography: ``(..., 3, 3)`` array or tensor.

    Returns:
        ``(..., 3, 3)`` float64.

    Raises:
        ValueError: For another shape.
    """
    tensor = torch.as_tensor(homography, dtype=torch.float64)
    if tensor.shape[-2:] != (3, 3):
        raise ValueError(f"homography has shape {tuple(tensor.shape)}, expected (..., 3, 3)")
    return tensor


def broadcast_pairs(
    first: ArrayLike | Tensor,
    second: ArrayLike | Tensor,
    weights: ArrayLike | Tensor | None,
    names: tuple[str, str] = ("ground", "image"),
    first_sizes: tuple[int, ...] = (2,),
) -> tuple[Tensor, Tensor, Tensor]:
    """Bring pairs of points and their weights to one batch shape.

    Args:
        first: ``(..., N, D)``.
        second: ``(..., N, 2)``.
        weights: ``(..., N)``, None for ones.
        names: What to call the points in errors.
        first_sizes: Allowed values of D.

    Returns:
        ``(B..., N, D)``, ``(B..., N, 2)`` and ``(B..., N)``, all float64.

    Raises:
        ValueError: If the shapes do not fit.
    """
    first = as_points(first, names[0], *first_sizes)
    second = as_points(second, names[1], 2)
    ones = torch.ones_like(second[..., 0])
    weights = ones if weights is None else torch.as_tensor(weights, dtype=torch.float64)
    if weights.ndim == 0:
        raise ValueError("weights is a single number, expected (..., N)")
    try:
        shape = torch.broadcast_shapes(first.shape[:-1], second.shape[:-1], weights.shape)
    except RuntimeError as error:
        raise ValueError(
            f"{names[0]} {tuple(first.shape)}, {names[1]} {tuple(second.shape)} and weights "
            f"{tuple(weights.shape)} do not agree in N or in their leading dimensions"
        ) from error
    return first.expand(*shape, -1), second.expand(*shape, -1), weights.expand(shape)


def apply_homography(homography: ArrayLike | Tensor, points: ArrayLike | Tensor) -> Tensor:
    """Map points by oriented homographies, in either direction.

    Args:
        homography: ``(..., 3, 3)``.
        points: ``(..., N, 2)``.

    Returns:
        ``(..., N, 2)``; nan for points behind the camera or at infinity, i.e. whose third
        coordinate is not positive.

    Raises:
        ValueError: For wrong shapes.
    """
    matrix = as_homography(homography)
    mapped = to_homogeneous(as_points(points, "points", 2)) @ matrix.transpose(-1, -2)
    depth = mapped[..., 2:]
    in_front = depth > torch.finfo(depth.dtype).eps * mapped[..., :2].abs().amax(-1, keepdim=True)
    # The inner where keeps the gradient finite at points that are thrown away.
    return torch.where(in_front, mapped[..., :2] / torch.where(in_front, depth, 1.0), float("nan"))


def orient_homography(homography: ArrayLike | Tensor, points: ArrayLike | Tensor) -> Tensor:
    """Choose the sign of homographies so that given points are in front of the camera.

    Args:
        homography: ``(..., 3, 3)`` of any sign.
        points: ``(..., N, 2)`` points it applies to that are known to be visible; where they
            disagree, the majority counts.

    Returns:
        ``(..., 3, 3)``.
    """
    matrix = as_homography(homography)
    depth = to_homogeneous(as_points(points, "points", 2)) @ matrix[..., 2, :, None]
    sign = torch.where(depth.sign().nansum((-1, -2)) < 0, -1.0, 1.0)
    return matrix * sign[..., None, None]


class _NullVectors(torch.autograd.Function):
    """Unit vectors h that minimise sum_i w_i (a_i h)^2, with the singular values of the problem.

    The value comes from a singular value decomposition, not from the normal equations, for the
    sake of precision. The gradient is first-order perturbation of the smallest eigenvector, which
    needs no more than that this one is simple; it can be differentiated again.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Decompose ``rows (..., M, 9)`` with ``weights (..., M)``."""
        _, singular, right = torch.linalg.svd(rows * weights.sqrt()[..., None], full_matrices=False)
        vector = right[..., -1, :].clone()
        ctx.save_for_backward(rows, weights, vector, singular)
        ctx.mark_non_differentiable(singular)
        return vector, singular

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient with respect to rows and weights."""
        rows, weights, vector, singular = ctx.saved_tensors
        column = vector[..., None]
        normal = rows.mT @ (weights[..., None] * rows)
        identity = torch.eye(9, dtype=rows.dtype, device=rows.device)
        shifted = normal - (column.mT @ normal @ column) * identity
        # The border keeps the solution orthogonal to h and the system regular.
        border = torch.cat([column, torch.zeros_like(column[..., :1, :])], -2)
        system = torch.cat([torch.cat([shifted, column.mT], -2), border], -1)
        gap = singular[..., -2] ** 2 - singular[..., -1] ** 2
        is_simple = gap > _MIN_RANK_GAP**2 * singular[..., 0] ** 2
        system = torch.where(is_simple[..., None, None], system, torch.eye(10).to(rows))
        target = torch.nn.functional.pad(-grad, (0, 1))[..., None]
        adjoint = torch.linalg.solve_ex(system, target).result[..., :9, :]
        along_vector, along_adjoint = rows @ column, rows @ adjoint
        grad_rows = weights[..., None] * (along_vector @ adjoint.mT + along_adjoint @ column.mT)
        return grad_rows, (along_vector * along_adjoint)[..., 0]


def _usable_pairs(ground: Tensor, image: Tensor, weights: Tensor) -> _PointPairs:
    """Check each item's numbers, and put a unit square into those that cannot be fitted."""
    used = weights != 0
    sound = (weights >= 0) & torch.isfinite(weights)
    finite = torch.isfinite(ground).all(-1) & torch.isfinite(image).all(-1)
    usable = (sound & (finite | ~used)).all(-1) & (used.sum(-1) >= MIN_POINTS)

    square = ground.new_tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    corners = torch.zeros_like(ground[..., :2]).index_copy(
        -2, torch.arange(MIN_POINTS, device=ground.device), square.expand(*ground.shape[:-2], 4, 2)
    )
    some = torch.zeros_like(weights)
    some[..., :MIN_POINTS] = 1.0
    for points in (ground, image):
        centred = torch.where(used[..., None], points, float("nan")).detach()
        low = torch.where(centred.isnan(), float("inf"), centred).amin(-2)
        high = torch.where(centred.isnan(), -float("inf"), centred).amax(-2)
        size = torch.maximum(low.abs(), high.abs()).amax(-1)
        usable = usable & ((high - low).amax(-1) > _MIN_SPREAD * size)

    keep = usable[..., None]
    kept = (keep & used)[..., None]
    scale = torch.where(keep, weights.detach(), 1.0).amax(-1, keepdim=True)
    return _PointPairs(
        torch.where(kept, ground, torch.where(keep[..., None], 0.0, corners)),
        torch.where(kept, image, torch.where(keep[..., None], 0.0, corners)),
        torch.where(keep, weights / scale, some),
        usable,
    )


def _normalisation(points: Tensor, weights: Tensor) -> Tensor:
    """Similarity ``(..., 3, 3)`` to centroid zero and root mean square distance sqrt(2)."""
    share = (weights / weights.sum(-1, keepdim=True))[..., None]
    centre = (share * points).sum(-2)
    spread = (share * (points - centre[..., None, :]) ** 2).sum((-1, -2))
    scale = (2.0 / spread).sqrt()
    zero, one = torch.zeros_like(scale), torch.ones_like(scale)
    rows = [scale, zero, -scale * centre[..., 0], zero, scale, -scale * centre[..., 1]]
    return torch.stack([*rows, zero, zero, one], -1).unflatten(-1, (3, 3))


def _affine_map(matrix: Tensor, points: Tensor) -> Tensor:
    """Points ``(..., N, 2)`` by an affine ``(..., 3, 3)``."""
    return points @ matrix[..., :2, :2].mT + matrix[..., None, :2, 2]


def _design_matrix(ground: Tensor, image: Tensor) -> Tensor:
    """The ``(..., 2 N, 9)`` equations of the direct linear transformation, at least nine rows."""
    point = to_homogeneous(ground)
    zero = torch.zeros_like(point)
    first = torch.cat([point, zero, -image[..., :1] * point], -1)
    second = torch.cat([zero, point, -image[..., 1:] * point], -1)
    rows = torch.cat([first, second], -2)
    missing = max(0, 9 - rows.shape[-2])
    return torch.nn.functional.pad(rows, (0, 0, 0, missing))


def fit_homography(
    ground: ArrayLike | Tensor,
    image: ArrayLike | Tensor,
    weights: ArrayLike | Tensor | None = None,
) -> HomographyFit:
    """Weighted direct linear transformation with normalised points.

    Hartley and Zisserman, Multiple View Geometry, algorithm 4.2. Minimises the weighted algebraic
    error; differentiable with respect to points and weights. An item is invalid with fewer
    than four points of positive weight, a point of positive weight or a weight that is not
    finite, a negative weight, points that do not fix a homography (duplicated, collinear, three of
    four collinear) or points on both sides of the fitted camera.

    Args:
        ground: ``(..., N, 2)`` metres.
        image: ``(..., N, 2)`` pixels.
        weights: ``(..., N)`` weights of the squared errors; a point of weight zero is ignored,
            whatever its coordinates. None for ones.

    Returns:
        The homographies; ``inliers`` are the points of positive weight.

    Raises:
        ValueError: For wrong shapes.
    """
    ground, image, weights = broadcast_pairs(ground, image, weights)
    if ground.shape[-2] < MIN_POINTS:
        return _invalid_fit(ground)
    pairs = _usable_pairs(ground, image, weights)
    ground_norm = _normalisation(pairs.ground, pairs.weights)
    image_norm = _normalisation(pairs.image, pairs.weights)
    points = _affine_map(ground_norm, pairs.ground)
    rows = _design_matrix(points, _affine_map(image_norm, pairs.image))
    row_weights = torch.cat([pairs.weights, pairs.weights], -1)
    padding = rows.shape[-2] - row_weights.shape[-1]
    vector, singular = _NullVectors.apply(rows, torch.nn.functional.pad(row_weights, (0, padding)))
    normalised = vector.unflatten(-1, (3, 3))

    sign, one_sided = _common_side(normalised, points, pairs.weights > 0)
    spectrum = torch.linalg.svdvals(normalised.detach())
    determined = singular[..., -2] > _MIN_RANK_GAP * singular[..., 0]
    regular = spectrum[..., 2] * _MAX_CONDITION > spectrum[..., 0]
    valid = pairs.usable & determined & regular & one_sided

    matrix = torch.linalg.solve(image_norm, normalised @ ground_norm)
    matrix = sign[..., None, None] * matrix / torch.linalg.matrix_norm(matrix, keepdim=True)
    return HomographyFit(
        torch.where(valid[..., None, None], matrix, float("nan")),
        valid,
        (weights > 0) & valid[..., None],
    )


def _invalid_fit(points: Tensor) -> HomographyFit:
    """The answer for a batch of items without one, shaped after ``points (..., N, 2)``."""
    batch = points.shape[:-2]
    return HomographyFit(
        points.new_full((*batch, 3, 3), float("nan")),
        torch.zeros(batch, dtype=torch.bool, device=points.device),
        torch.zeros(points.shape[:-1], dtype=torch.bool, device=points.device),
    )


def _common_side(homography: Tensor, points: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
    """Sign ``(...)`` that puts the used points in front, and whether it does so for all."""
    depth = (to_homogeneous(points) @ homography[..., 2, :, None])[..., 0].detach()
    sign = torch.where((depth * used).sum(-1) < 0, -1.0, 1.0)
    nearest = torch.where(used, sign[..., None] * depth, float("inf")).amin(-1)
    return sign, nearest > _MIN_DEPTH * depth.abs().amax(-1)


def _consensus(
    ground: np.ndarray, image: np.ndarray, params: cv2.UsacParams
) -> tuple[np.ndarray | None, np.ndarray]:
    """OpenCV's homography, if it finds one, and the points ``(N,)`` bool that agree with it."""
    # OpenCV drops samples whose orientation changes, as it does between a ground seen from above (y
    # to the left of x) and an image (v to the right of u): without the mirror it finds nothing.
    mirror = np.array([1.0, -1.0, 1.0])
    try:
        matrix, mask = cv2.findHomography(ground * mirror[:2], image, params)
    except cv2.error:
        # Raised for some degenerate sets, where for others the answer is None.
        matrix = None
    if matrix is None:
        return None, np.zeros(len(ground), dtype=bool)
    return matrix * mirror, mask.ravel().astype(bool)


def _magsac(threshold: float, confidence: float, max_iterations: int, seed: int) -> cv2.UsacParams:
    """The parameters behind ``cv2.USAC_MAGSAC``, with a seed."""
    params = cv2.UsacParams()
    params.sampler = cv2.SAMPLING_UNIFORM
    params.score = cv2.SCORE_METHOD_MAGSAC
    params.loMethod = cv2.LOCAL_OPTIM_SIGMA
    params.threshold = threshold
    params.confidence = confidence
    params.maxIterations = max_iterations
    params.randomGeneratorState = seed
    return params


def fit_homography_robust(
    ground: ArrayLike | Tensor,
    image: ArrayLike | Tensor,
    weights: ArrayLike | Tensor | None = None,
    threshold: float = 5.0,
    confidence: float = _CONFIDENCE,
    max_iterations: int = _MAX_SAMPLES,
    seed: int = 0,
) -> HomographyFit:
    """Homographies in spite of gross outliers: OpenCV's MAGSAC, then a weighted linear refit.

    The points that ``cv2.findHomography`` with ``USAC_MAGSAC`` finds to agree are fitted with
    :func:`fit_homography` (differentiable for this choice of points); those within the threshold of
    that fit are fitted once more. Deterministic; items do not influence each other.

    The ground must be seen from above: in a mirrored picture no points agree.

    Args:
        ground: ``(..., N, 2)`` metres.
        image: ``(..., N, 2)`` pixels.
        weights: ``(..., N)`` of the squared errors of the fits; the search takes all points of
            positive weight alike. None for ones.
        threshold: Largest distance of an inlier in pixels.
        confidence: Probability of having seen a sample without outliers.
        max_iterations: Samples at most.
        seed: Seed of the samples of every item.

    Returns:
        The homographies; invalid where fewer than four points agree, or those are degenerate. A
        point or weight that is not finite or negative makes an outlier, not an invalid item.

    Raises:
        ValueError: For wrong shapes, or a threshold that is not positive.
    """
    if not threshold > 0:
        raise ValueError(f"threshold must be positive, got {threshold}")
    ground, image, weights = broadcast_pairs(ground, image, weights)
    if ground.shape[-2] < MIN_POINTS:
        return _invalid_fit(ground)
    finite = torch.isfinite(ground).all(-1) & torch.isfinite(image).all(-1)
    usable = ((weights > 0) & finite).detach()
    params = _magsac(threshold, confidence, max_iterations, seed)
    count = ground.shape[-2]
    ground_items, image_items, masks = (
        tensor.detach().cpu().reshape(-1, count, *tensor.shape[weights.ndim :]).numpy()
        for tensor in (ground, image, usable)
    )
    chosen = np.zeros_like(masks)
    for item, mask in enumerate(masks):
        if np.count_nonzero(mask) >= MIN_POINTS:
            _, chosen[item, mask] = _consensus(
                ground_items[item, mask], image_items[item, mask], params
            )
    inliers = torch.from_numpy(chosen).to(ground.device).reshape(weights.shape)
    first = fit_homography(ground, image, torch.where(inliers, weights, 0.0))
    with torch.no_grad():
        error = (apply_homography(first.homography, ground) - image).norm(dim=-1)
        inliers = usable & (error <= threshold)
    return fit_homography(ground, image, torch.where(inliers, weights, 0.0))


def robust_homography(
    ground: np.ndarray, image: np.ndarray, threshold: float, seed: int = 0
) -> np.ndarray | None:
    """A first homography of a single image, as OpenCV's MAGSAC finds it.

    Ten times as fast as :func:`fit_homography_robust`, which fits and checks its inliers.

    Args:
        ground: ``(N, 2)`` metres, finite.
        image: ``(N, 2)`` pixels, finite.
        threshold: Largest distance of an inlier in pixels.
        seed: Seed of the samples.

    Returns:
        ``(3, 3)``, not oriented; None with fewer than four points, or if none is found.
    """
    if len(ground) < MIN_POINTS:
        return None
    params = _magsac(threshold, _CONFIDENCE, _MAX_SAMPLES, seed)
    return _consensus(ground, image, params)[0]


def homography_quality(
    homography: ArrayLike | Tensor,
    ground: ArrayLike | Tensor,
    image: ArrayLike | Tensor,
    weights: ArrayLike | Tensor | None = None,
) -> HomographyQuality:
    """Measure homographies on point pairs.

    Args:
        homography: ``(..., 3, 3)``, oriented.
        ground: ``(..., N, 2)`` metres.
        image: ``(..., N, 2)`` pixels.
        weights: ``(..., N)``; points of weight zero are left out, other values do not matter. None
            for all points.

    Returns:
        Condition number, errors and cheirality; nan (cheirality False) where the homography is nan
        or no point is left.

    Raises:
        ValueError: For wrong shapes.
    """
    matrix = as_homography(homography)
    ground, image, weights = broadcast_pairs(ground, image, weights)
    used = (weights > 0).expand(torch.broadcast_shapes((*matrix.shape[:-2], 1), weights.shape))
    known = used & torch.isfinite(matrix).all(-1).all(-1)[..., None]
    determined = known.any(-1)

    inverse = torch.linalg.inv_ex(matrix).inverse
    error_px = (apply_homography(matrix, ground) - image).norm(dim=-1)
    error_m = (apply_homography(inverse, image) - ground).norm(dim=-1)
    unseen = error_px.isnan()
    error_px, error_m = (
        torch.where(known, error.nan_to_num(nan=float("inf")), float("nan"))
        for error in (error_px, error_m)
    )
    present = torch.where(known, 1.0, 0.0).to(error_px)
    pairs = [
        torch.where(used[..., None], points, 0.0).expand(*used.shape, 2)
        for points in (ground, image)
    ]
    to_ground, to_image = (_normalisation(points, present) for points in pairs)
    normalised = to_image @ matrix @ torch.linalg.inv_ex(to_ground).inverse
    spectrum = torch.linalg.svdvals(normalised.nan_to_num(posinf=0.0, neginf=0.0))
    condition = spectrum[..., 0] / spectrum[..., 2]
    return HomographyQuality(
        torch.where(determined, condition, float("nan")),
        error_px,
        error_m,
        error_px.nanmean(-1),
        error_px.nanquantile(0.5, dim=-1),
        error_m.nanmean(-1),
        error_m.nanquantile(0.5, dim=-1),
        determined & ~(unseen & known).any(-1),
    )


def homography_to_camera(
    homography: ArrayLike | Tensor,
    image_size: tuple[int, int],
    principal_point: ArrayLike | Tensor | None = None,
) -> tuple[Camera, Tensor]:
    """Pinhole cameras with square pixels and a known principal point that see the ground this way.

    The columns of the homography are the images of two orthogonal directions of equal length, which
    gives two equations for the squared focal length (Zhang, A Flexible New Technique for Camera
    Calibration, 2000). They are solved by least squares in the form that does not depend on
    the choice of the ground's axes, so each counts as far as it is well conditioned. The two
    directions are then made orthonormal symmetrically. Of the two mirror solutions the one above
    the ground is taken, whatever the sign of the homography.

    An item is invalid if its homography is not finite or singular, the camera looks straight down
    (any focal length would do), no real focal length fits, or the middle of the lower image border
    does not see the ground in front of the camera (a mirrored image).

    Args:
        homography: ``(..., 3, 3)`` ground to image.
        image_size: Width and height in pixels.
        principal_point: ``(..., 2)`` pixels; None for the middle of the image.

    Returns:
        The cameras, nan where invalid, and ``(...)`` bool which are valid. Differentiable where
        valid.

    Raises:
        ValueError: For wrong shapes.
    """
    matrix = as_homography(homography)
    middle = [(side - 1) / 2 for side in image_size]
    centre = torch.as_tensor(
        middle if principal_point is None else principal_point, dtype=torch.float64
    ).to(matrix.device)
    if centre.shape[-1:] != (2,):
        raise ValueError(f"principal_point has shape {tuple(centre.shape)}, expected (..., 2)")
    batch = torch.broadcast_shapes(matrix.shape[:-2], centre.shape[:-1])
    matrix, centre = matrix.expand(*batch, 3, 3), centre.expand(*batch, 2)
    usable = torch.isfinite(matrix).all(-1).all(-1)
    overhead = matrix.new_tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    matrix = torch.where(usable[..., None, None], matrix, overhead)

    shifted = torch.cat(
        [matrix[..., :2, :] - centre[..., None] * matrix[..., 2:, :], matrix[..., 2:, :]], -2
    )
    squared_focal, fixed = _squared_focal_length(shifted)
    focal = torch.where(fixed, squared_focal, 1.0).sqrt()
    scale = torch.stack([1 / focal, 1 / focal, torch.ones_like(focal)], -1)
    rotation, position = _pose(scale[..., None] * shifted)

    bottom = matrix.new_tensor([middle[0], image_size[1] - 1.0])
    forward = rotation.mT @ to_homogeneous((bottom - centre) / focal[..., None])[..., None]
    valid = usable & fixed & (position[..., 2] > 0) & (forward[..., 2, 0] < 0)
    intrinsics = intrinsics_matrix(torch.stack([focal, focal], -1), centre)
    nan = float("nan")
    camera = Camera(
        torch.where(valid[..., None, None], intrinsics, nan),
        torch.where(valid[..., None, None], rotation, nan),
        torch.where(valid[..., None], position, nan),
        image_size,
    )
    return camera, valid


def _squared_focal_length(shifted: Tensor) -> tuple[Tensor, Tensor]:
    """Squared focal length ``(...)`` from homographies to the centred image, and if it is fixed."""
    first, second = shifted[..., 0], shifted[..., 1]
    # As complex numbers z = first + i second, both equations are sum(z_k^2) = 0.
    real = first**2 - second**2
    imaginary = 2 * first * second
    plane, depth = (
        torch.stack([part[..., k].sum(-1) for part in (real, imaginary)], -1)
        for k in (slice(0, 2), slice(2, 3))
    )
    weight = depth.square().sum(-1)
    safe = weight > 0
    squared = -(plane * depth).sum(-1) / torch.where(safe, weight, 1.0)
    # The share of the columns' length along the axis is the squared sine of its angle with the
    # vertical; measured in units in which the focal length is one.
    axial = (first[..., 2] ** 2 + second[..., 2] ** 2) * squared
    lateral = first[..., :2].square().sum(-1) + second[..., :2].square().sum(-1)
    tilted = 2 * axial > _MIN_AXIS_ANGLE**2 * (axial + lateral)
    return squared, safe & (squared > 0) & tilted


def _pose(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Rotation and position of ``(..., 3, 3)`` = s [r1 r2 t], the position above the ground."""
    first, second, shift = matrix.unbind(-1)
    lengths = first.norm(dim=-1), second.norm(dim=-1)
    first, second = (
        column / length[..., None] for column, length in zip((first, second), lengths, strict=True)
    )
    diagonals = [torch.nn.functional.normalize(first + sign * second, dim=-1) for sign in (1, -1)]
    first, second = ((diagonals[0] + sign * diagonals[1]) / 2**0.5 for sign in (1, -1))
    third = torch.linalg.cross(first, second)
    shift = shift * (2 / (lengths[0] + lengths[1]))[..., None]
    sign = torch.where((third * shift).sum(-1) > 0, -1.0, 1.0)[..., None]
    rotation = torch.stack([sign * first, sign * second, third], -1)
    return rotation, -(rotation.mT @ (sign * shift)[..., None])[..., 0]
