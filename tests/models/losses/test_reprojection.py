"""The reprojection loss: values worked out by hand, gradients, and maps that fix no homography."""

import pytest
import torch
from torch.nn import functional as F

from footmm.errors import ConfigError
from footmm.models.losses import ReprojectionLoss
from footmm.models.losses.reprojection import local_soft_argmax
from footmm.pitch.homography import apply_homography, fit_homography
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import MODELS

SIZE = (72, 48)
WORLD = torch.from_numpy(KEYPOINT_SETS["kp29"].world())[:, :2]
# A view of the left half from beside the pitch, in pixels of the heatmap.
VIEW = fit_homography(
    [[-52.5, 34.0], [0.0, 34.0], [-52.5, -34.0], [0.0, -34.0]],
    [[12.0, 6.0], [66.0, 5.0], [-20.0, 40.0], [80.0, 44.0]],
).homography


def scene(margin=6.0):
    """True keypoints ``(1, 29, 2)`` and which of them are in view ``(1, 29)``."""
    target = apply_homography(VIEW, WORLD)
    inside = (target >= margin) & (target <= torch.tensor(SIZE) - 1 - margin)
    return target[None], inside.all(-1).double()[None]


def maps(points, height=0.9, sigma=2.0):
    """Logits ``(1, K, 48, 72)`` of Gaussians at ``points (1, K, 2)``."""
    x, y = (torch.arange(size, dtype=points.dtype) for size in SIZE)
    x = x - points[..., 0, None, None]
    y = y[:, None] - points[..., 1, None, None]
    heights = height * torch.exp(-(x**2 + y**2) / (2 * sigma**2))
    return torch.logit(heights.clamp(1e-4, 1 - 1e-4))


TARGET, WEIGHT = scene()
SEEN = WEIGHT[0].nonzero()[:, 0]


def test_the_scene_is_what_the_tests_need():
    assert len(SEEN) >= 6


def test_soft_argmax_finds_points_between_pixels():
    points = torch.tensor([[[30.3, 20.8], [6.5, 41.6], [0.0, 0.0], [71.0, 20.2]]])
    places, heights = local_soft_argmax(maps(points), radius=5)
    torch.testing.assert_close(places[0, :2], points[0, :2], atol=0.02, rtol=0)
    torch.testing.assert_close(places[0, 2:], points[0, 2:], atol=0.5, rtol=0)
    assert heights[0, 2].item() == pytest.approx(0.9)


def test_true_maps_cost_nothing():
    assert ReprojectionLoss("kp29")(maps(TARGET), TARGET, WEIGHT).item() < 1e-4


def test_value_for_shifted_maps():
    shift = torch.tensor([1.0, 0.5]).double()
    loss = ReprojectionLoss("kp29", beta=0.3, max_error=2.0, loss_weight=3.0)
    # A homography that sees everything shifted takes the true pixels to where the shifted ones are.
    found = apply_homography(torch.linalg.inv(VIEW), TARGET - shift)[0, SEEN]
    errors = (found - WORLD[SEEN]).norm(dim=-1).clamp(max=2.0)
    assert (errors == 2.0).any()
    assert (errors < 2.0).any()
    expected = F.smooth_l1_loss(errors, torch.zeros_like(errors), beta=0.3)
    _, heights = local_soft_argmax(maps(TARGET + shift), radius=5)
    gate = heights[0, SEEN].mean()
    result = loss(maps(TARGET + shift), TARGET, WEIGHT)
    assert result.item() == pytest.approx(3.0 * (gate * expected).item(), rel=5e-3)


def test_frames_are_gated_by_their_confidence():
    loss = ReprojectionLoss("kp29")
    shifted = TARGET + torch.tensor([1.0, 0.0])
    faint, clear = (loss(maps(shifted, height), TARGET, WEIGHT).item() for height in (0.2, 0.8))
    assert faint / clear == pytest.approx(0.25, rel=0.01)


def test_confidence_has_no_gradient():
    height = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    shifted = (TARGET + torch.tensor([1.0, 0.0])).round()
    ReprojectionLoss("kp29")(maps(shifted, height), TARGET, WEIGHT).backward()
    assert abs(height.grad.item()) < 1e-3


def test_gradient():
    generator = torch.Generator().manual_seed(1)
    logits = maps(TARGET + torch.tensor([0.8, -0.6]))
    directions = torch.randn(8, *logits.shape, dtype=torch.float64, generator=generator)
    # The highest pixels stay as they are: their heights, the confidences, have no gradient.
    directions *= logits < logits.amax((2, 3), keepdim=True)
    steps = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    loss = ReprojectionLoss("kp29")

    def along(steps):
        return loss(logits + torch.tensordot(steps, directions, 1), TARGET, WEIGHT)

    along(steps).backward()
    assert steps.grad.abs().min() > 1e-4
    assert torch.autograd.gradcheck(along, (steps,))


def test_gradient_leads_to_the_true_points():
    points = (TARGET + torch.tensor([1.5, -1.0])).requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.05)
    loss = ReprojectionLoss("kp29")
    for _ in range(80):
        optimizer.zero_grad()
        loss(maps(points), TARGET, WEIGHT).backward()
        optimizer.step()
    assert (points - TARGET)[0, SEEN].abs().max() < 0.3


def collinear():
    points = TARGET.clone()
    points[0, SEEN, 1] = 20.0
    return points, WEIGHT


def three_points():
    weight = torch.zeros_like(WEIGHT)
    weight[0, SEEN[:3]] = 1.0
    return TARGET, weight


def one_place():
    points = TARGET.clone()
    points[0, SEEN] = torch.tensor([30.0, 20.0]).double()
    return points, WEIGHT


def two_of_four_on_one_pixel():
    points, weight = TARGET.clone(), torch.zeros_like(WEIGHT)
    weight[0, SEEN[:4]] = 1.0
    points[0, SEEN[1]] = points[0, SEEN[0]]
    return points, weight


def nothing_seen():
    return TARGET, torch.zeros_like(WEIGHT)


@pytest.mark.parametrize(
    "case", [collinear, three_points, one_place, two_of_four_on_one_pixel, nothing_seen]
)
def test_points_that_fix_no_homography_take_no_part(case):
    points, weight = case()
    pred = maps(points).requires_grad_()
    loss = ReprojectionLoss("kp29")
    result = loss(pred, TARGET, weight)
    result.backward()
    assert result.item() == 0.0
    assert not pred.grad.any()

    beside = maps(TARGET + 1)
    both = loss(torch.cat([pred, beside]), TARGET.expand(2, -1, -1), torch.cat([weight, WEIGHT]))
    assert both.item() == pytest.approx(loss(beside, TARGET, WEIGHT).item(), rel=1e-9)


def test_targets_out_of_view_may_be_anything():
    target = torch.where(WEIGHT[..., None] > 0, TARGET, torch.nan)
    pred = maps(TARGET + 1).requires_grad_()
    loss = ReprojectionLoss("kp29")
    result = loss(pred, target, WEIGHT)
    result.backward()
    assert result == loss(maps(TARGET + 1), TARGET, WEIGHT)
    assert pred.grad.isfinite().all()


@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0])
def test_noise_has_bounded_loss_and_gradient(scale):
    noise = torch.randn(24, 29, 48, 72, generator=torch.Generator().manual_seed(2))
    pred = (scale * noise).requires_grad_()
    loss = ReprojectionLoss("kp29", beta=0.5, max_error=5.0)
    result = loss(pred, TARGET.expand(24, -1, -1), WEIGHT.expand(24, -1))
    result.backward()
    assert 0.0 < result.item() <= 4.75
    assert pred.grad.isfinite().all()


def test_false_peak_far_away_counts_as_the_largest_error():
    points = TARGET.clone()
    points[0, SEEN] = points[0, SEEN].flip(0)
    result = ReprojectionLoss("kp29", beta=0.5, max_error=5.0)(maps(points), TARGET, WEIGHT)
    assert result.item() <= 0.9 * 4.75


def test_points_above_the_ground_are_left_out():
    keypoints = KEYPOINT_SETS["kp57"]
    world = torch.from_numpy(keypoints.world())
    target = apply_homography(VIEW, world[:, :2])[None].nan_to_num()
    weight = ((target >= 6) & (target <= torch.tensor(SIZE) - 7)).all(-1).double()
    pred = maps(target + 1)
    loss = ReprojectionLoss("kp57")
    expected = loss(pred, target, weight)
    raised = world[:, 2] != 0
    weight[:, raised] = 1.0
    pred = torch.where(raised[:, None, None], torch.randn(48, 72, dtype=torch.float64), pred)
    assert raised.sum() == 4
    assert loss(pred, target, weight) == expected


def test_half_precision_is_computed_in_full():
    pred = maps(TARGET + 1).bfloat16()
    loss = ReprojectionLoss("kp29")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = loss(pred, TARGET, WEIGHT)
    assert result.dtype == torch.float32
    assert result == loss(pred.float(), TARGET, WEIGHT)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'kp29'"):
        ReprojectionLoss("kp28")
    with pytest.raises(ConfigError, match="57 heatmaps"):
        ReprojectionLoss("kp29")(torch.zeros(1, 57, 48, 72), TARGET, WEIGHT)


def test_is_registered_and_adds_nothing_to_checkpoints():
    loss = MODELS.build(dict(type="ReprojectionLoss", keypoint_set="kp57"))
    assert isinstance(loss, ReprojectionLoss)
    assert not loss.state_dict()
