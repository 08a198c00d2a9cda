"""Pictures of tactics: what is drawn of whom, and which windows are chosen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from mmengine.structures import BaseDataElement

from footmm.errors import DataFormatError
from footmm.registry import VISUALIZERS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.agent_tracks import BALL
from footmm.structures.tactical_window import TacticalWindow
from footmm.visualization import tactics as module
from footmm.visualization.plots import BLUE, FAINT, GREEN, VERMILION
from footmm.visualization.tactics import TacticsVisualizer

FRAMES, AGENTS = 5, 23


def scores(labels, num_classes, share=0.8):
    rest = (1 - share) / (num_classes - 1)
    return np.where(np.eye(num_classes, dtype=bool)[labels], share, rest)


def places(formation):
    """The eleven slots of a formation in the own half and beyond, attacking to the right."""
    slots = FORMATIONS[formation].slots
    spread = np.array([[60 * slot.depth - 30, 28 * slot.side] for slot in slots])
    spread[0] = [-48, 0]
    return spread


def sample(formations=(0, 2), found=(0, 2), start=0, seed=0, match="a match", period=1):
    """Two formations and the ball, moving a little; roles are found as the formations say."""
    noise = np.random.default_rng(seed)
    still = np.concatenate([places(formations[0]), -places(formations[1]), [[3.0, 4.0]]])
    positions = still + noise.normal(0, 1.0, (FRAMES, AGENTS, 2))
    role = [[slot.role for slot in FORMATIONS[i].slots] for i in (*formations, *found)]
    role, found_role = np.reshape(role, (2, 22))
    strategy = noise.integers(0, len(STRATEGIES), (FRAMES, 2))
    frame, receiver, sender = np.nonzero(np.broadcast_to(~np.eye(AGENTS, dtype=bool), (5, 23, 23)))
    attention = noise.dirichlet(np.full(AGENTS - 1, 0.3), FRAMES * AGENTS).ravel()
    arrays = dict(
        team=np.repeat([0, 1, BALL], [11, 11, 1]),
        goalkeeper=np.isin(np.arange(AGENTS), [0, 11]),
        positions=positions,
        present=np.ones((FRAMES, AGENTS), bool),
        frame_ids=start + 10 * np.arange(FRAMES),
        graph_frames=np.arange(FRAMES),
        formation=np.array(formations),
        has_formation=np.ones(2, bool),
        role=np.append(role, 0),
        has_role=np.arange(AGENTS) < 22,
        strategy=strategy,
        has_strategy=np.ones((FRAMES, 2), bool),
        pred_formation=scores(np.array(found), len(FORMATIONS)),
        pred_role=scores(np.append(found_role, 0), len(ROLES), 0.6),
        pred_strategy=scores((strategy + (noise.random((5, 2)) < 0.2)) % 6, len(STRATEGIES)),
        graph_edges=np.stack([frame * AGENTS + sender, frame * AGENTS + receiver]),
        pred_attention=attention,
    )
    meta = dict(match=match, source="test", period=period, pitch_size=(105.0, 68.0))
    meta["seconds"] = (start + 10 * np.arange(FRAMES)) / 5
    meta["agent_ids"] = [str(number) for number in range(AGENTS)]
    return meta | {name: torch.from_numpy(array) for name, array in arrays.items()}


def window(**options):
    return TacticalWindow.from_sample(sample(**options))


def without_labels(given):
    hidden = {
        name: torch.zeros_like(value) for name, value in given.items() if name.startswith("has_")
    }
    return given | hidden


def changed(given, **fields):
    return dataclasses.replace(given, **fields)


def is_picture(picture):
    return picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3


def differs(first, second):
    return first.shape != second.shape or bool((first != second).any())


def draws(picture, color, legend_height=45):
    """Whether a colour is there below the legend."""
    rgb = np.round(np.array(to_rgb(color)) * 255)
    return bool((picture[legend_height:] == rgb).all(axis=-1).any())


def test_every_role_has_a_code_of_its_own():
    assert list(module.ROLE_CODES) == list(ROLES)
    assert len(set(module.ROLE_CODES.values())) == len(ROLES)
    for classes, names in ((module._FORMATIONS, FORMATIONS), (module._STRATEGIES, STRATEGIES)):
        assert len(set(classes.colors)) == len(classes.names) == len(names)


def test_right_wrong_and_unknown_roles_have_their_colours():
    right = module.draw_formation_map(window(), "title")
    assert is_picture(right)
    assert draws(right, BLUE, 100)
    assert draws(right, GREEN, 100)
    assert not draws(right, VERMILION, 100)
    wrong = module.draw_formation_map(window(found=(1, 2)))
    assert draws(wrong, VERMILION)
    unknown = module.draw_formation_map(TacticalWindow.from_sample(without_labels(sample())))
    assert draws(unknown, FAINT)
    assert not any(draws(unknown, color) for color in (BLUE, GREEN, VERMILION))


def test_teams_are_seen_as_they_attack():
    same = window(formations=(0, 0), found=(0, 0))
    turned = changed(same, positions=same.positions * [1, -1])
    assert differs(module.draw_formation_map(same), module.draw_formation_map(turned))
    home, away = same.mean_places(0)[:11], same.mean_places(1)[11:22]
    assert np.abs(home - away).max() < 3


def test_who_was_not_seen_is_left_out():
    everybody = window()
    present = everybody.present.copy()
    present[:, :11] = False
    picture = module.draw_formation_map(changed(everybody, present=present))
    assert not draws(picture, BLUE)
    assert draws(picture, GREEN)
    nobody = changed(everybody, present=np.zeros_like(present))
    for draw in (module.draw_formation_map, module.draw_attention):
        assert is_picture(draw(nobody))
        assert differs(draw(nobody), draw(everybody))


def test_players_beyond_the_margin_stay_on_the_page():
    far = window()
    positions = far.positions.copy()
    positions[:, 3] = [90.0, -60.0]
    moved = module._on_page(far, positions)
    assert (np.abs(moved) <= [52.5 + 3, 34 + 3]).all()
    assert is_picture(module.draw_attention(changed(far, positions=positions)))


def test_strongest_edges_of_a_frame():
    edges = np.array([[0, 1, AGENTS, AGENTS + 2, AGENTS + 1], [1, 0, AGENTS + 1, AGENTS, AGENTS]])
    given = changed(window(), edges=edges, attention=np.array([0.9, 0.8, 0.3, 0.5, 0.1]))
    chosen, attention = module._strongest_edges(given, 1, 2)
    assert chosen.T.tolist() == [[0, 1], [2, 0]]
    assert attention.tolist() == [0.3, 0.5]
    assert len(module._strongest_edges(given, 2, 5)[1]) == 0


def test_attention():
    given = window()
    all_edges = module.draw_attention(given)
    assert is_picture(all_edges)
    assert not differs(all_edges, module.draw_attention(given, frame=FRAMES - 1))
    assert differs(all_edges, module.draw_attention(given, frame=0))
    assert differs(all_edges, module.draw_attention(given, num_edges=5))
    empty = changed(given, edges=np.zeros((2, 0), np.int64), attention=np.zeros(0))
    none = module.draw_attention(empty)
    assert differs(none, all_edges)
    assert not differs(none, module.draw_attention(given, num_edges=0))


def test_times_belong_to_one_window():
    cells = module._cells([np.array([0.0, 10, 20]), np.array([10.0, 20, 30]), np.array([65.0, 75])])
    runs = module._runs(cells, [np.array([1, 1, 2]), np.array([5, 5, 2]), np.array([2, -1])])
    assert runs == [(-10, 10, 1), (10, 30, 2), (55, 65, 2)]


def test_timeline():
    windows = [window(start=50 * i, found=(i % 3, 2), seed=i, period=1 + i // 4) for i in range(6)]
    picture = module.draw_timeline(windows)
    assert is_picture(picture)
    assert not differs(picture, module.draw_timeline(windows[::-1]))
    assert differs(picture, module.draw_timeline(windows[:4]))
    minutes = np.array([1.0, 2, 3, 4, 46, 47])
    in_minutes = module.draw_timeline(windows, minutes=minutes)
    assert differs(picture, in_minutes)
    mixed = [3, 0, 5, 1, 4, 2]
    again = module.draw_timeline([windows[i] for i in mixed], minutes=minutes[mixed])
    assert not differs(in_minutes, again)
    unlabelled = TacticalWindow.from_sample(without_labels(sample()))
    assert is_picture(module.draw_timeline([unlabelled], minutes=np.array([3.0])))
    assert not any(strip.is_true for strip in module._strips([unlabelled]))


def test_timeline_of_single_frames():
    one = {name: value[:1] for name, value in sample().items() if name == "graph_frames"}
    given = sample() | one
    for name in ("strategy", "has_strategy", "pred_strategy"):
        given[name] = given[name][:1]
    assert is_picture(module.draw_timeline([TacticalWindow.from_sample(given)]))


@pytest.mark.parametrize("confusion", [np.eye(3, dtype=int) * 1200 + 40, np.zeros((3, 3), int)])
def test_confusion(confusion):
    names = ["mid_block", "b", "c"]
    picture = module.draw_confusion(confusion, names, "title")
    assert is_picture(picture)
    assert differs(picture, module.draw_confusion(confusion + 1, names, "title"))


def test_chosen_windows():
    windows = [window(found=(int(i in (2, 4, 5)), 2), start=i) for i in range(8)]

    def starts(count):
        return [w.frame_ids[0] for w in module.choose_windows(windows, count)]

    assert starts(4) == [2, 4, 0, 5]
    assert starts(1) == [0]
    assert sorted(starts(99)) == list(range(8))


def test_answers_are_counted_where_labels_are_known():
    given = window(found=(1, 2))
    confusion = module.count_answers([given, given], "formation")
    assert (confusion[0, 1], confusion[2, 2], confusion.sum()) == (2, 2, 4)
    known = given.has_strategy.copy()
    known[0] = False
    assert module.count_answers([changed(given, has_strategy=known)], "strategy").sum() == 8


def test_pictures_of_samples():
    visualizer = VISUALIZERS.build(dict(type="TacticsVisualizer", name="v", num_samples=2))
    assert isinstance(visualizer, TacticsVisualizer)
    samples = [sample(found=(i, 2), start=50 * i, match="ab"[i > 0]) for i in range(3)]
    pictures = visualizer.draw_samples(samples)
    confusions = {"formation_confusion", "strategy_confusion"}
    assert set(pictures) == {"formations", "attention", "timeline"} | confusions
    assert all(is_picture(picture) for picture in pictures.values())
    unlabelled = visualizer.draw_samples([without_labels(given) for given in samples])
    assert set(unlabelled) == set(pictures) - confusions
    assert visualizer.draw_samples([]) == {}
    with pytest.raises(DataFormatError, match="pred_role"):
        visualizer.draw_samples([{k: v for k, v in samples[0].items() if k != "pred_role"}])


@pytest.mark.parametrize("labelled", [True, False])
def test_a_dataset_sample_is_drawn_without_prediction(labelled):
    element = BaseDataElement()
    for name, value in sample().items():
        if name.startswith("pred_") or ("has_" + name in sample() and not labelled):
            continue
        if name.startswith("has_") and not labelled:
            continue
        if isinstance(value, torch.Tensor):
            element.set_field(value, name)
        else:
            element.set_metainfo({name: value})
    picture = TacticsVisualizer().draw_dataset_sample(None, element)
    assert is_picture(picture)
    assert draws(picture, BLUE) == labelled
