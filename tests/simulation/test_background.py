from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from footmm.simulation.appearance import Backdrop, sample_scene
from footmm.simulation.background import draw_background

SIZE = (128, 64)
FEET = [(32.0, 118.0)]


@pytest.fixture
def scene():
    scene = sample_scene(np.random.default_rng(0))
    return replace(scene, elevation=0.03, mowing=0.0, grass=(48, 120, 82), backdrop=Backdrop.GRASS)


def _draw(scene, line=False, feet=FEET):
    return draw_background(scene, np.random.default_rng(1), SIZE, feet, scale=64.0, line=line)


def test_grass_has_the_colour_of_the_scene(scene):
    image = _draw(scene)

    assert image.shape == (*SIZE, 3)
    assert image[:60].mean(axis=(0, 1)) == pytest.approx((48, 120, 82), abs=8)


def test_the_shadow_darkens_the_ground_at_the_feet(scene):
    image = _draw(scene, feet=FEET).astype(int)
    bright = _draw(scene, feet=[(32.0, -500.0)]).astype(int)

    assert (bright - image)[112:124, 24:40].mean() > 5
    assert (bright - image)[:40].mean() == 0


@pytest.mark.parametrize("backdrop", [Backdrop.BOARD, Backdrop.CROWD])
def test_a_stand_covers_the_upper_part_only(scene, backdrop):
    grass, stand = _draw(scene), _draw(replace(scene, backdrop=backdrop))

    assert (grass[:4] != stand[:4]).any(axis=-1).mean() > 0.5
    assert (grass[-10:] == stand[-10:]).all()


def test_a_marking_is_white(scene):
    assert (_draw(scene, line=True).min(axis=-1) > 200).any()
    assert not (_draw(scene).min(axis=-1) > 200).any()
