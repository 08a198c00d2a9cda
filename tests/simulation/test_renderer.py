from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.lens import BrownConradyLens
from footmm.simulation.appearance import sample_match_identities
from footmm.simulation.moment import Moment
from footmm.simulation.renderer import FrameRenderer
from footmm.simulation.stadium import sample_stadium

SIZE = (480, 270)
IDENTITIES = sample_match_identities(np.random.default_rng(0))
STADIUM = sample_stadium(np.random.default_rng(2))
LENS = BrownConradyLens.from_radial(torch.tensor(-0.1, dtype=torch.float64))
MAIN = Camera.look_at((0.0, -70.0, 16.0), (0.0, 0.0, 0.0), 700.0, SIZE)
CLOSE = Camera.look_at((0.0, -20.0, 3.0), (0.0, 0.0, 1.0), 700.0, SIZE)
FAR_AWAY = (-300.0, 300.0)


@pytest.fixture(scope="module")
def renderer():
    return FrameRenderer(IDENTITIES, STADIUM, SIZE)


def _moment(positions, ball=(0.0, 200.0, 0.11), ball_velocity=(0.0, 0.0, 0.0), heading=-np.pi / 2):
    places = np.full((25, 2), FAR_AWAY)
    for agent, place in positions.items():
        places[agent] = place
    return Moment(
        places,
        np.zeros((25, 2)),
        np.full(25, heading),
        np.array(ball),
        np.array(ball_velocity),
        0.0,
    )


def _scattered(seed=0):
    rng = np.random.default_rng(seed)
    velocities = rng.normal(0, 3, (25, 2))
    return Moment(
        rng.uniform((-50, -33), (50, 33), (25, 2)),
        velocities,
        np.arctan2(velocities[:, 1], velocities[:, 0]),
        np.array([3.0, 4.0, 0.5]),
        np.array([10.0, -4.0, 2.0]),
        time=2.0,
    )


def _render(renderer, camera, moment, seed=0, **options):
    return renderer.render(camera, moment, np.random.default_rng(seed), **options)


def test_frames_have_the_size_of_the_renderer(renderer):
    image, labels = _render(renderer, MAIN, _scattered())

    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image.dtype == np.uint8
    assert labels.camera is MAIN
    assert len(labels.persons) > 5


def test_the_same_seed_gives_the_same_bytes_in_any_order(renderer):
    first = _render(renderer, MAIN, _scattered())[0]
    _render(renderer, CLOSE, _scattered(1))
    fresh = FrameRenderer(IDENTITIES, pickle.loads(pickle.dumps(STADIUM)), SIZE)

    assert _render(renderer, MAIN, _scattered())[0].tobytes() == first.tobytes()
    assert _render(fresh, MAIN, _scattered())[0].tobytes() == first.tobytes()
    assert _render(renderer, MAIN, _scattered(), seed=1)[0].tobytes() != first.tobytes()


@pytest.mark.parametrize(
    "camera",
    [
        MAIN,
        Camera.look_at((55.0, -50.0, 20.0), (30.0, 0.0, 0.0), 600.0, SIZE, roll=0.1),
        Camera.look_at((0.0, -45.0, 14.0), (0.0, 0.0, 0.0), 300.0, SIZE, lens=LENS),
    ],
    ids=["main", "rolled", "lens"],
)
def test_labels_are_the_projections_of_their_points(renderer, camera):
    moment = _scattered()
    _, labels = _render(renderer, camera, moment)

    assert labels.persons
    for person in labels.persons:
        assert person.pelvis_ground.tolist() == [*moment.positions[person.agent], 0.0]
        assert person.pelvis[:2].tolist() == person.pelvis_ground[:2].tolist()
        assert person.identity is IDENTITIES[person.agent]
        points = np.stack([person.pelvis, person.pelvis_ground])
        projected = camera.project(points).numpy()
        assert person.pelvis_px == pytest.approx(projected[0], abs=1e-9)
        assert person.pelvis_ground_px == pytest.approx(projected[1], abs=1e-9)


def test_a_person_alone_is_seen_whole(renderer):
    _, labels = _render(renderer, CLOSE, _moment({4: (0.5, 0.0)}, heading=np.pi / 2))

    (person,) = labels.persons
    assert person.agent == 4
    assert person.full_box == person.visible_box
    assert person.occluded_share == 0.0
    assert person.jersey_visible
    left, top, width, height = person.full_box
    foot, head = CLOSE.project(np.array([(0.5, 0, 0), (0.5, 0, IDENTITIES[4].height_m)])).numpy()
    assert top == pytest.approx(head[1], abs=3)
    assert top + height == pytest.approx(foot[1], abs=4)
    assert left < foot[0] < left + width


def test_the_box_holds_what_changes_in_the_picture():
    without_shadows = replace(STADIUM.illumination, shadow=0.0)
    renderer = FrameRenderer(IDENTITIES, replace(STADIUM, illumination=without_shadows), SIZE)
    plain, _ = _render(renderer, CLOSE, _moment({}))
    image, labels = _render(renderer, CLOSE, _moment({4: (0.5, 0.0)}))

    rows, columns = np.nonzero(np.abs(image.astype(int) - plain).max(axis=-1) > 30)
    left, top, width, height = labels.persons[0].full_box
    assert rows.min() == pytest.approx(top, abs=2)
    assert rows.max() == pytest.approx(top + height - 1, abs=2)
    assert columns.min() == pytest.approx(left, abs=2)
    assert columns.max() == pytest.approx(left + width - 1, abs=2)


def test_somebody_behind_another_is_partly_hidden(renderer):
    _, labels = _render(renderer, CLOSE, _moment({4: (0.0, 0.0), 15: (0.15, 1.2)}))

    front, back = labels.persons
    assert (front.agent, back.agent) == (4, 15)
    assert front.occluded_share == 0.0
    assert 0.3 < back.occluded_share < 0.95
    assert back.visible_box != back.full_box


def test_somebody_wholly_hidden_has_no_label(renderer):
    tall = [replace(identity, height_m=2.0, build=1.3) for identity in IDENTITIES[:12]]
    short = [replace(identity, height_m=1.62, build=0.85) for identity in IDENTITIES[12:]]
    renderer = FrameRenderer([*tall, *short], STADIUM, SIZE)
    low = Camera.look_at((0.0, -20.0, 1.4), (0.0, 0.0, 1.0), 700.0, SIZE)
    places = {1: (0.0, -2.0), 2: (0.25, -2.1), 3: (-0.25, -2.1), 14: (0.0, 0.5)}
    _, labels = _render(renderer, low, _moment(places))

    assert [person.agent for person in labels.persons if person.occluded_share < 0.9] == [1, 2, 3]


def test_a_person_cut_by_the_edge_keeps_the_full_box(renderer):
    edge = CLOSE.image_to_ground(np.array([[0.0, 200.0]])).numpy()[0]
    _, labels = _render(renderer, CLOSE, _moment({4: tuple(edge)}))

    (person,) = labels.persons
    assert person.full_box[0] < 0.0
    assert person.visible_box[0] == 0.0
    assert person.visible_box[2] < person.full_box[2]
    assert person.occluded_share == 0.0


def test_a_post_hides_a_keeper_and_a_net_does_not(renderer):
    camera = Camera.look_at((40.0, -3.66, 1.4), (52.5, -3.66, 1.0), 700.0, SIZE)
    behind_post = _render(renderer, camera, _moment({0: (53.3, -3.66)}, heading=np.pi))[1].persons[
        0
    ]
    behind_net = _render(
        renderer,
        Camera.look_at((65.0, 1.0, 1.4), (52.5, 1.0, 1.0), 700.0, SIZE),
        _moment({0: (52.0, 1.0)}),
    )[1].persons[0]
    in_front = _render(renderer, camera, _moment({0: (51.8, -3.66)}))[1].persons[0]

    assert 0.1 < behind_post.occluded_share < 0.5
    assert behind_net.occluded_share < 0.1
    assert in_front.occluded_share == 0.0


def test_the_ball_has_the_box_of_its_disc(renderer):
    position = (1.0, 0.0, 1.5)
    _, labels = _render(renderer, CLOSE, _moment({}, ball=position))

    center = CLOSE.project(np.array([position])).numpy()[0]
    assert labels.ball.center_px == pytest.approx(center)
    left, top, width, height = labels.ball.box
    assert left + 0.5 * (width - 1) == pytest.approx(center[0], abs=0.6)
    assert top + 0.5 * (height - 1) == pytest.approx(center[1], abs=0.6)
    assert width == pytest.approx(0.22 * 700 / 20, abs=1.1)
    assert labels.ball.visible_share == 1.0


def test_the_ball_is_hidden_behind_a_person_and_cut_by_the_edge(renderer):
    behind = _moment({4: (0.0, 0.0)}, ball=(0.0, 1.5, 1.05))
    before = _moment({4: (0.0, 0.0)}, ball=(0.0, -1.5, 1.05))
    outside = _moment({}, ball=(0.0, 0.0, 50.0))

    assert _render(renderer, CLOSE, behind)[1].ball is None
    assert _render(renderer, CLOSE, before)[1].ball.visible_share == 1.0
    assert _render(renderer, CLOSE, outside)[1].ball is None


def test_gait_phases_move_the_legs(renderer):
    moment = replace(_moment({4: (0.5, 0.0)}, heading=0.0), velocities=np.full((25, 2), 3.0))
    boxes = {
        _render(renderer, CLOSE, moment, gait_phases=np.full(25, phase))[1].persons[0].full_box
        for phase in (0.0, 0.25, 0.5)
    }

    assert len(boxes) > 1


def test_a_turning_camera_blurs_the_stadium_and_not_the_labels(renderer):
    moment = _scattered()
    sharp, labels = _render(renderer, MAIN, moment)
    blurred, moving = _render(renderer, MAIN, moment, camera_motion_px=(8.0, 0.0))

    crowd = np.s_[:40]
    assert (
        np.diff(blurred[crowd].astype(int), axis=1).std()
        < 0.8 * np.diff(sharp[crowd].astype(int), axis=1).std()
    )
    assert [p.full_box for p in moving.persons] == [p.full_box for p in labels.persons]


@pytest.mark.parametrize("lens", [None, LENS], ids=["pinhole", "lens"])
@pytest.mark.parametrize(
    ("pan", "tilt"), [(0.0, -0.9), (0.0, 1.5), (3.0, 0.2), (1.5, 0.0), (-1.2, 0.4)]
)
def test_a_camera_may_look_anywhere(renderer, pan, tilt, lens):
    camera = Camera.from_pan_tilt_roll((0.0, -40.0, 12.0), pan, tilt, 0.0, 400.0, SIZE, lens=lens)
    image, labels = _render(renderer, camera, _scattered())

    assert image.shape == (SIZE[1], SIZE[0], 3)
    for person in labels.persons:
        left, top, width, height = person.visible_box
        assert 0 <= left < left + width <= SIZE[0]
        assert 0 <= top < top + height <= SIZE[1]
        assert 0.0 <= person.occluded_share < 1.0


def test_a_camera_among_the_players_is_no_problem(renderer):
    moment = _scattered()
    place = (*(moment.positions[3] + 0.3), 1.7)
    image, _ = _render(renderer, Camera.look_at(place, (0.0, 0.0, 1.0), 300.0, SIZE), moment)

    assert image.shape == (SIZE[1], SIZE[0], 3)


def test_a_camera_of_another_size_is_an_error(renderer):
    with pytest.raises(ConfigError, match="resized"):
        _render(renderer, MAIN.resized(960, 540), _scattered())


def test_a_batch_of_cameras_is_an_error(renderer):
    with pytest.raises(ConfigError, match="batch"):
        _render(renderer, Camera.stack([MAIN, MAIN]), _scattered())


def test_a_match_needs_all_its_persons():
    with pytest.raises(ConfigError, match="25"):
        FrameRenderer(IDENTITIES[:22], STADIUM, SIZE)
