import numpy as np
import pytest
import torch

from footmm.pitch.frames import (
    azimuth,
    soccernet_to_world,
    synloc_to_world,
    world_to_soccernet,
    world_to_synloc,
)


def test_azimuth_turns_from_x_to_y():
    vectors = np.array([[[2.0, 0.0, 5.0], [0.0, 3.0, 5.0]], [[-1.0, 0.0, 5.0], [1.0, -1.0, 5.0]]])
    expected = np.pi * np.array([[0.0, 0.5], [1.0, -0.25]])
    np.testing.assert_allclose(azimuth(vectors), expected, atol=1e-15)


def test_azimuth_does_not_depend_on_the_place_in_memory():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 3))[:, 1:]
    angles, kept = azimuth(vectors), []
    for count in rng.integers(5, 500, 2000):
        kept = [*kept[-20:], np.empty(rng.integers(1, 100_000), np.uint8)]
        vectors_elsewhere = np.ascontiguousarray(vectors[:count])
        np.testing.assert_array_equal(azimuth(vectors_elsewhere), angles[:count])


def test_soccernet_bottom_and_up():
    # Nearest the camera and 17 m up.
    np.testing.assert_array_equal(soccernet_to_world(np.array([1.0, 34.0, -17.0])), [1, -34, 17])


def test_synloc_length_and_width():
    np.testing.assert_array_equal(synloc_to_world(np.array([-33.0, 50.0, 2.0])), [-50, -33, 2])


@pytest.mark.parametrize(
    ("there", "back"),
    [(soccernet_to_world, world_to_soccernet), (synloc_to_world, world_to_synloc)],
)
@pytest.mark.parametrize("size", [2, 3])
def test_round_trip_keeps_arrays_tensors_and_gradients(there, back, size):
    points = np.random.default_rng(0).normal(size=(4, 5, size))
    before = points.copy()
    np.testing.assert_array_equal(back(there(points)), points)
    np.testing.assert_array_equal(points, before)
    tensor = torch.tensor(points, requires_grad=True)
    moved = there(tensor)
    np.testing.assert_array_equal(moved.detach().numpy(), there(points))
    moved.sum().backward()
    assert tensor.grad.abs().eq(1).all()


@pytest.mark.parametrize("there", [soccernet_to_world, synloc_to_world])
def test_frames_are_right_handed(there):
    assert np.linalg.det(there(np.eye(3))) == pytest.approx(1)
