"""Objects as points of a map, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from mmdet.models.losses import L1Loss

from footmm.models.detection.centers import (
    best_peaks,
    decode_boxes,
    draw_centers,
    loss_around_centers,
    pixels_around_centers,
)


def boxes_at(*centers, size=(2.0, 4.0)):
    centers, half = torch.tensor(centers).reshape(-1, 2), torch.tensor(size) / 2
    return torch.cat([centers - half, centers + half], dim=1)


def test_gaussians_stand_at_the_centres():
    # The centre of pixel (x 2, y 1), and the corner of four pixels.
    heights = draw_centers(boxes_at((2.5, 1.5), (5.0, 3.0)), (4, 7), sigma=0.5)
    assert heights.shape == (4, 7)
    assert heights[1, 2] == 1.0
    assert heights[1, 3].item() == pytest.approx(math.exp(-2))
    assert heights[3, 2].item() == pytest.approx(math.exp(-2 * 4))
    assert heights[2:4, 4:6].flatten().tolist() == pytest.approx([math.exp(-1)] * 4)


def test_large_boxes_have_wider_gaussians():
    # 0.15 of the root of 10 x 40 pixels is a sigma of 3.
    heights = draw_centers(boxes_at((2.5, 1.5), size=(10.0, 40.0)), (4, 7), sigma=0.5)
    assert heights[1, 5].item() == pytest.approx(math.exp(-9 / 18))


def test_of_two_gaussians_the_higher_counts():
    boxes = boxes_at((1.5, 0.5), (3.5, 0.5))
    both, *alone = (draw_centers(b, (1, 6), sigma=1.0) for b in (boxes, boxes[:1], boxes[1:]))
    assert torch.equal(both, torch.maximum(*alone))


def test_no_objects_give_an_empty_map():
    assert torch.equal(draw_centers(torch.zeros(0, 4), (3, 4), sigma=1.0), torch.zeros(3, 4))


def test_nine_pixels_around_a_centre():
    pixels, is_known = pixels_around_centers(boxes_at((2.9, 1.1)), (4, 7))
    assert sorted(pixels[0].tolist()) == [[x, y] for x in (1, 2, 3) for y in (0, 1, 2)]
    assert is_known.all()


def test_pixels_beside_the_map_are_not_known():
    pixels, is_known = pixels_around_centers(boxes_at((0.5, 0.5), (7.0, 3.5)), (4, 7))
    assert pixels.reshape(-1, 2).min(dim=0).values.tolist() == [0, 0]
    assert pixels.reshape(-1, 2).max(dim=0).values.tolist() == [6, 3]
    known = [sorted(p[k].tolist()) for p, k in zip(pixels, is_known, strict=True)]
    # The second centre is on the right border, so its own pixel is already beside the map.
    assert known == [[[0, 0], [0, 1], [1, 0], [1, 1]], [[6, 2], [6, 3]]]


def test_peaks_are_found_best_first():
    logits = torch.full((2, 2, 4, 5), -9.0)
    logits[0, 0, 1, 1], logits[0, 0, 1, 2] = 2.0, 1.0  # the second is on the slope of the first
    logits[0, 1, 3, 4] = 3.0
    logits[1, 1, 0, 0] = -1.0
    heights, channels, numbers = best_peaks(logits, 2)
    assert numbers[0].tolist() == [19, 6]
    assert channels[0].tolist() == [1, 0]
    assert (channels[1, 0], numbers[1, 0]) == (1, 0)
    expected = torch.tensor([[3.0, 2.0], [-1.0, -9.0]]).sigmoid()
    torch.testing.assert_close(heights, expected)


def test_a_peak_of_one_channel_does_not_hide_one_of_another():
    logits = torch.full((1, 2, 3, 3), -9.0)
    logits[0, 0, 1, 1], logits[0, 1, 1, 2], logits[0, 1, 1, 1] = 2.0, 1.0, 0.5
    _, channels, numbers = best_peaks(logits, 2)
    assert channels.tolist() == [[0, 1]]
    assert numbers.tolist() == [[4, 5]]


def test_where_peaks_are_too_few_the_rest_has_no_height():
    logits = 4 - torch.arange(12.0).reshape(1, 1, 3, 4)
    heights, _, numbers = best_peaks(logits, 3)
    assert numbers[0, 0] == 0
    assert heights[0, 1:].tolist() == [0.0, 0.0]


def test_a_map_of_fewer_pixels_gives_them_all():
    assert [values.shape for values in best_peaks(torch.zeros(2, 1, 1, 3), 5)] == [(2, 3)] * 3


def test_boxes_are_decoded_at_their_pixels():
    pred = torch.zeros(2, 3, 4, 3, 5)
    pred[0, 1, :, 1, 2] = torch.tensor([0.25, -0.5, math.log(3.0), math.log(0.5)])
    channels, numbers = torch.tensor([[1, 0], [1, 2]]), torch.tensor([[7, 7], [7, 14]])
    boxes = decode_boxes(pred, channels, numbers)
    # Pixel (2, 1), its centre moved to (2.75, 1.0), 6 x 1 pixels; and (2, 1), (4, 2) as they are.
    as_it_is = [1.5, 0.5, 3.5, 2.5]
    expected = [[[-0.25, 0.5, 5.75, 1.5], as_it_is], [as_it_is, [3.5, 1.5, 5.5, 3.5]]]
    torch.testing.assert_close(boxes, torch.tensor(expected))


def test_pixels_that_say_the_box_cost_nothing_and_decode_to_it():
    boxes = [boxes_at((2.3, 1.8)), boxes_at(), boxes_at((6.0, 2.5), size=(0.5, 3.0))]
    pred = torch.full((3, 4, 4, 7), 50.0)
    for image, (left, top, right, bottom) in ((0, boxes[0][0]), (2, boxes[2][0])):
        for y in range(4):
            for x in range(7):
                offset = torch.stack([(left + right) / 2 - x - 0.5, (top + bottom) / 2 - y - 0.5])
                sizes = torch.stack([(right - left) / 2, (bottom - top) / 2])
                pred[image, :, y, x] = torch.cat([offset, sizes.log()])
    assert loss_around_centers(L1Loss(), pred, boxes).item() == pytest.approx(0.0, abs=1e-6)
    numbers = torch.tensor([[9, 8], [0, 0], [20, 19]])
    decoded = decode_boxes(pred[:, None], torch.zeros_like(numbers), numbers)
    torch.testing.assert_close(decoded[0], boxes[0].expand(2, 4))
    torch.testing.assert_close(decoded[2], boxes[2].expand(2, 4))


def test_loss_is_the_mean_over_the_pixels_on_the_map():
    # Four pixels are on the map: three are right, the last is off by 1, 2, 0 and 0.
    boxes, pred = boxes_at((0.5, 0.5), size=(2.0, 2.0)), torch.zeros(1, 4, 5, 5)
    for y in range(2):
        for x in range(2):
            pred[0, :2, y, x] = torch.tensor([-x, -y])
    pred[0, :2, 1, 1] += torch.tensor([1.0, 2.0])
    pred.requires_grad_()
    loss = loss_around_centers(L1Loss(), pred, [boxes])
    assert loss.item() == pytest.approx(3 / 4)
    loss.backward()
    assert pred.grad[0, :2, 1, 1].tolist() == pytest.approx([1 / 4, 1 / 4])
    assert not pred.grad[:, :, 2:].any()
    assert not pred.grad[..., 2:].any()


def test_without_objects_the_loss_is_a_zero_with_gradient():
    pred = torch.randn(2, 4, 3, 3, requires_grad=True)
    loss = loss_around_centers(L1Loss(), pred, [torch.zeros(0, 4)] * 2)
    loss.backward()
    assert loss.item() == 0.0
    assert not pred.grad.any()


def test_a_box_without_size_has_a_finite_loss():
    pred = torch.zeros(1, 4, 3, 3, requires_grad=True)
    loss = loss_around_centers(L1Loss(), pred, [boxes_at((1.5, 1.5), size=(0.0, 0.0))])
    loss.backward()
    assert loss.isfinite()
    assert pred.grad.isfinite().all()
