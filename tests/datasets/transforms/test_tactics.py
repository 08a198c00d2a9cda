"""Tests for the transforms of windows for tactics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader
from torch_geometric.data import Batch

from footmm.datasets.tactics.labels import no_labels
from footmm.datasets.transforms import (
    BuildTacticsGraph,
    PackTacticsInputs,
    TacticsHidePlayers,
    TacticsRandomMirror,
)
from footmm.datasets.transforms.tactics_graph import EDGE_FEATURES, NODE_FEATURES, GraphSettings
from footmm.errors import ConfigError, DataFormatError
from footmm.simulation.formations import ROLES
from footmm.structures.agent_tracks import AWAY, BALL, HOME

#: The agents of the scene.
ABSENT, RUNNER, NEWCOMER, OPPONENT, KEEPER, BALL_AGENT = range(6)
NUM_AGENTS = 6


def scene(**changes):
    """Three frames of two a second; the last of them is the last one observed."""
    time = np.arange(3, dtype=np.float32)
    positions = np.zeros((3, NUM_AGENTS, 2), np.float32)
    positions[:, RUNNER] = np.stack([-10 + time, 2 * time], 1)
    positions[:, NEWCOMER] = 10, 5
    positions[:, OPPONENT] = np.stack([20 - 2 * time, 0 * time - 5], 1)
    positions[:, KEEPER] = 48, 0
    positions[:, BALL_AGENT] = np.stack([3 * time, 4 * time], 1)
    present = np.ones((3, NUM_AGENTS), bool)
    present[:, ABSENT] = present[:2, NEWCOMER] = False
    window = dict(
        positions=positions,
        present=present,
        team=np.array([HOME, HOME, HOME, AWAY, AWAY, BALL]),
        goalkeeper=np.isin(np.arange(NUM_AGENTS), (ABSENT, KEEPER)),
        agent_ids=list("abcdef"),
        rate=2.0,
        match="m",
        source="s",
        period=2,
        frame_ids=np.arange(40, 43),
        pitch_size=(104.0, 67.0),
        num_observed=3,
        sample_idx=4,
    )
    return window | changes


def crowd(rng, num_frames=5):
    """Eleven against eleven and a ball, where some are missing."""
    team = np.repeat([HOME, AWAY, BALL], [11, 11, 1])
    start = rng.uniform(-30, 30, (23, 2))
    steps = rng.uniform(-0.3, 0.3, (num_frames, 23, 2)).cumsum(0)
    return scene(
        positions=(start + steps).astype(np.float32),
        present=rng.random((num_frames, 23)) < 0.8,
        team=team,
        goalkeeper=np.isin(np.arange(23), (0, 11)),
        agent_ids=[str(agent) for agent in range(23)],
        frame_ids=np.arange(num_frames),
        num_observed=num_frames,
        rate=5.0,
    )


def build(window, frame_step=2, num_nearest=1, **settings):
    return BuildTacticsGraph(frame_step, num_nearest, **settings).transform(window)["graph"]


def nodes(graph):
    """Features by frame, agent and name."""
    table = graph.x.numpy().reshape(-1, graph.team.shape[1], len(NODE_FEATURES))
    return lambda frame, agent: dict(
        zip(NODE_FEATURES, table[frame, agent].astype(float), strict=True)
    )


def edges(graph, frame=None):
    """Features of the edges by sender and receiver; of a frame by its agents."""
    num_agents = graph.team.shape[1]
    found = {}
    for (sender, receiver), values in zip(
        graph.edge_index.T.tolist(), graph.edge_attr.tolist(), strict=True
    ):
        assert sender // num_agents == receiver // num_agents
        if frame is None:
            found[sender, receiver] = values
        elif sender // num_agents == frame:
            found[sender % num_agents, receiver % num_agents] = values
    return found


def approx(**values):
    named = {name.replace("_", " "): value for name, value in values.items()}
    assert named.keys() == set(NODE_FEATURES)
    return pytest.approx(named, abs=1e-6)


def test_nodes_of_the_home_team():
    node = nodes(build(scene()))
    assert node(1, RUNNER) == approx(
        position_x=-8 / 52.5,
        position_y=4 / 34,
        velocity_x=2 / 5,
        velocity_y=4 / 5,
        speed=20**0.5 / 5,
        from_ball_x=-14 / 20,
        from_ball_y=-4 / 20,
        distance_to_ball=212**0.5 / 20,
        velocity_of_ball_x=6 / 5,
        velocity_of_ball_y=8 / 5,
        # The mean of the runner and the newcomer is (1, 4.5); in the two frames before, of which
        # one is in the graph, he is alone.
        from_team_x=-9 / 20,
        from_team_y=-0.5 / 20,
        mean_from_team_x=-3 / 20,
        mean_from_team_y=-0.5 / 3 / 20,
        share_of_frames_present=1,
        seconds_to_the_last_frame=0,
        is_goalkeeper=0,
        is_ball=0,
        is_present=1,
        ball_is_present=1,
        velocity_is_known=1,
    )
    first = node(0, RUNNER)
    assert first["seconds to the last frame"] == pytest.approx(0.1)
    assert first["position x"] == pytest.approx(-10 / 52.5)
    # Nothing is before the first frame.
    assert first["velocity is known"] == first["speed"] == first["velocity of ball x"] == 0
    assert first["from team x"] == 0


def test_nodes_of_the_away_team_are_turned():
    node = nodes(build(scene()))
    keeper, opponent = node(1, KEEPER), node(1, OPPONENT)
    assert opponent["position x"] == pytest.approx(-16 / 52.5)
    assert opponent["position y"] == pytest.approx(5 / 34)
    assert opponent["velocity x"] == pytest.approx(4 / 5)
    assert opponent["from ball x"] == pytest.approx(-10 / 20)
    assert opponent["from ball y"] == pytest.approx(13 / 20)
    assert opponent["velocity of ball x"] == pytest.approx(-6 / 5)
    # He is the only outfield player.
    assert opponent["from team x"] == opponent["mean from team x"] == 0
    assert keeper["from team x"] == pytest.approx(-32 / 20)
    assert keeper["from team y"] == pytest.approx(-5 / 20)
    assert keeper["mean from team x"] == pytest.approx(-30 / 20)
    assert keeper["is goalkeeper"] == keeper["velocity is known"] == 1
    assert keeper["speed"] == 0


def test_nodes_of_those_who_are_missing_and_of_the_ball():
    # Any speed is believed.
    node = nodes(build(scene(), max_speed=100.0))
    known = {"is goalkeeper": 1.0, "ball is present": 1.0}
    assert {name: value for name, value in node(1, ABSENT).items() if value} == known
    # The newcomer was not there in the frame before.
    newcomer = node(1, NEWCOMER)
    assert newcomer["is present"] == 1
    assert newcomer["velocity is known"] == newcomer["speed"] == 0
    assert newcomer["share of frames present"] == pytest.approx(1 / 3)
    assert newcomer["mean from team x"] == newcomer["from team x"] == pytest.approx(9 / 20)
    assert node(0, NEWCOMER)["is present"] == node(0, NEWCOMER)["position x"] == 0
    ball = {name: value for name, value in node(1, BALL_AGENT).items() if value}
    assert ball == pytest.approx(
        {
            "speed": 2.0,
            "share of frames present": 1.0,
            "is ball": 1.0,
            "is present": 1.0,
            "ball is present": 1.0,
            "velocity is known": 1.0,
        }
    )


def test_without_a_ball():
    window = scene()
    window["present"][:, BALL_AGENT] = False
    graph = build(window)
    node = nodes(graph)(1, RUNNER)
    assert node["ball is present"] == node["distance to ball"] == node["velocity of ball x"] == 0
    assert node["from ball x"] == node["from ball y"] == 0
    assert node["velocity x"] == pytest.approx(2 / 5)
    assert BALL_AGENT not in {agent for edge in edges(graph, 1) for agent in edge}


def test_what_missing_players_are_said_to_do_is_ignored():
    window = scene()
    expected = build(window)
    window["positions"][:, ABSENT] = np.nan
    window["positions"][:2, NEWCOMER] = 999
    found = build(window)
    assert torch.equal(found.x, expected.x)
    assert torch.equal(found.edge_attr, expected.edge_attr)


def test_frames_that_are_unevenly_spaced():
    even = nodes(build(scene(seconds=np.float32([30, 30.5, 31]))))(1, RUNNER)
    assert even == pytest.approx(nodes(build(scene()))(1, RUNNER), abs=1e-6)
    graph = build(scene(seconds=np.float32([30, 30.1, 34.1])))
    node = nodes(graph)
    assert node(1, RUNNER)["velocity x"] == pytest.approx(1 / 4 / 5, rel=1e-5)
    assert node(1, RUNNER)["velocity of ball y"] == pytest.approx(4 / 4 / 5, rel=1e-5)
    assert node(0, RUNNER)["seconds to the last frame"] == pytest.approx(0.41, rel=1e-5)
    np.testing.assert_allclose(graph.now[0, RUNNER], [-8, 4, 0.25, 0.5], rtol=1e-5)


def test_velocities_beyond_the_limit_are_unknown():
    # The opponent runs at 4 m/s, the runner at 4.5, the ball at 10, of which 5 times as much is
    # allowed.
    for limit, known in ((4.6, (1, 1, 1)), (4.1, (0, 1, 1)), (2.1, (0, 0, 1)), (1.9, (0, 0, 0))):
        graph = build(scene(), max_speed=limit)
        node = nodes(graph)
        found = [node(1, agent) for agent in (RUNNER, OPPONENT, BALL_AGENT)]
        assert tuple(values["velocity is known"] for values in found) == known
        assert tuple(float(values["speed"] > 0) for values in found) == known
        assert bool(graph.now[0, RUNNER, 2:].any()) == bool(known[0])


def test_edges():
    graph = build(scene())
    ball = {
        edge
        for player in (RUNNER, NEWCOMER, OPPONENT, KEEPER)
        for edge in ((BALL_AGENT, player), (player, BALL_AGENT))
    }
    mates = {(RUNNER, NEWCOMER), (NEWCOMER, RUNNER), (OPPONENT, KEEPER), (KEEPER, OPPONENT)}
    # Only these two are nearer to an opponent than to anybody else.
    near = {(OPPONENT, NEWCOMER), (NEWCOMER, OPPONENT)}
    assert edges(graph, 1).keys() == ball | mates | near
    without = {edge for edge in ball if NEWCOMER not in edge}
    assert edges(graph, 0).keys() == without | {
        (OPPONENT, RUNNER),
        (OPPONENT, KEEPER),
        (KEEPER, OPPONENT),
    }
    assert edges(build(scene(), num_nearest=0), 1).keys() == ball | mates
    everybody = edges(build(scene(), num_nearest=9), 1)
    assert len(everybody) == 5 * 4
    assert all(sender != receiver for sender, receiver in everybody)


def test_edge_features():
    def features(sender, receiver):
        return dict(zip(EDGE_FEATURES, edges(build(scene()), 1)[sender, receiver], strict=True))

    def expected(*values):
        return pytest.approx(dict(zip(EDGE_FEATURES, values, strict=True)), abs=1e-6)

    gap = 136**0.5
    # What the newcomer, whose velocity nobody knows, sees of the opponent; and the reverse, turned.
    assert features(OPPONENT, NEWCOMER) == expected(gap / 20, 6 / gap, -10 / gap, 0, 0, 1, 0)
    assert features(NEWCOMER, OPPONENT) == expected(gap / 20, 6 / gap, -10 / gap, 0, 0, 1, 0)
    gap = (32**2 + 5**2) ** 0.5
    assert features(KEEPER, OPPONENT) == expected(gap / 20, -32 / gap, -5 / gap, 4 / 5, 1, 0, 0)
    gap = 212**0.5
    relative = 32**0.5 / 5
    assert features(BALL_AGENT, RUNNER) == expected(gap / 20, 14 / gap, 4 / gap, relative, 0, 0, 1)
    assert features(RUNNER, BALL_AGENT) == expected(gap / 20, 0, 0, relative, 0, 0, 0)


@pytest.mark.parametrize("num_nearest", [0, 1, 4])
def test_edges_of_a_crowd(num_nearest):
    window = crowd(np.random.default_rng(0))
    graph = build(window, frame_step=1, num_nearest=num_nearest)
    team = window["team"]
    for frame, (present, positions) in enumerate(
        zip(window["present"], window["positions"], strict=True)
    ):
        wanted = set()
        for receiver in np.flatnonzero(present):
            others = [agent for agent in np.flatnonzero(present) if agent != receiver]
            players = [agent for agent in others if team[agent] != BALL]
            players.sort(key=lambda agent: np.linalg.norm(positions[agent] - positions[receiver]))
            nearest = players[:num_nearest] if team[receiver] != BALL else players
            for sender in others:
                mates = team[sender] == team[receiver]
                if mates or team[sender] == BALL or sender in nearest:
                    wanted.add((sender, receiver))
        assert edges(graph, frame).keys() == wanted


def test_teams_that_swap_sides_and_names_have_the_same_graph():
    window = crowd(np.random.default_rng(1))
    swapped = window | dict(
        positions=-window["positions"],
        team=np.array([AWAY, HOME, BALL])[window["team"]],
    )
    first, second = build(window, num_nearest=4), build(swapped, num_nearest=4)
    assert not torch.equal(first.team, second.team)
    torch.testing.assert_close(first.x, second.x)
    assert torch.equal(first.edge_index, second.edge_index)
    torch.testing.assert_close(first.edge_attr, second.edge_attr)
    # With the old names it is another one.
    assert not torch.allclose(build(window | dict(positions=-window["positions"])).x, first.x)


def test_agents_in_another_order():
    window = crowd(np.random.default_rng(2))
    order = np.random.default_rng(3).permutation(23)
    changed = {name: window[name][..., order] for name in ("present", "team", "goalkeeper")} | dict(
        positions=window["positions"][:, order]
    )
    first, second = build(window, num_nearest=4), build(window | changed, num_nearest=4)
    frames = first.x.reshape(-1, 23, len(NODE_FEATURES))
    torch.testing.assert_close(
        frames[:, order], second.x.reshape(frames.shape), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(first.now[:, order], second.now)
    place = np.argsort(order)
    for frame in range(len(frames)):
        renamed = {
            (place[sender], place[receiver]): values
            for (sender, receiver), values in edges(first, frame).items()
        }
        found = edges(second, frame)
        assert renamed.keys() == found.keys()
        for edge, values in renamed.items():
            assert found[edge] == pytest.approx(values, abs=1e-6)


def test_graph_frames_end_at_the_last_observed_one():
    window = crowd(np.random.default_rng(0), num_frames=9) | dict(num_observed=8)
    for step, frames in ((1, range(8)), (3, (1, 4, 7)), (7, (0, 7)), (8, (7,))):
        results = BuildTacticsGraph(step).transform(window)
        assert results["graph_frames"].tolist() == list(frames)
        graph = results["graph"]
        assert graph.x.shape == (23 * len(frames), len(NODE_FEATURES))
        assert graph.x.dtype == graph.edge_attr.dtype == torch.float32
        assert graph.edge_index.dtype == torch.int64
        np.testing.assert_array_equal(
            graph.present.reshape(-1, 23), window["present"][list(frames)]
        )
        assert graph.team.tolist() == [window["team"].tolist()]
        shown = window["positions"][7] * window["present"][7][:, None]
        np.testing.assert_array_equal(graph.now[0, :, :2], shown)


def test_a_position_that_is_not_a_number():
    window = scene()
    window["positions"][1, OPPONENT, 1] = np.inf
    with pytest.raises(
        DataFormatError, match=r"match 'm', frame 1 of a window: agent 3 is at \[18"
    ):
        build(window)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BuildTacticsGraph(frame_step=0), r"frame_step=0\): give 1 or more"),
        (lambda: BuildTacticsGraph(num_nearest=-1), "num_nearest=-1 has to be 0 or more"),
        (lambda: BuildTacticsGraph(max_speed=0.0), "max_speed=0.0 positive"),
        (lambda: GraphSettings(max_speed=float("nan")), "max_speed=nan positive"),
        (lambda: TacticsHidePlayers(least=-1), "least=-1, most=8"),
        (lambda: TacticsHidePlayers(least=3, most=2), "give 0 <= least <= most"),
    ],
)
def test_impossible_arguments(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_mirror():
    window = scene(role=np.arange(len(ROLES))[[0, 1, 9, 12, 13, 0]])
    before = window["positions"].copy()
    mirrored = TacticsRandomMirror(prob=1.0).transform(window)
    np.testing.assert_array_equal(mirrored["positions"][..., 0], before[..., 0])
    np.testing.assert_array_equal(mirrored["positions"][..., 1], -before[..., 1])
    assert [ROLES[role] for role in mirrored["role"]] == [
        "goalkeeper",
        "left back",
        "left midfield",
        "right wing",
        "striker",
        "goalkeeper",
    ]
    np.testing.assert_array_equal(window["positions"], before)
    again = TacticsRandomMirror(prob=1.0).transform(mirrored)
    np.testing.assert_array_equal(again["positions"], before)
    assert again["role"].tolist() == window["role"].tolist()
    assert "role" not in TacticsRandomMirror(prob=1.0).transform(scene())


def test_chance_of_a_mirror():
    np.random.seed(0)
    window = scene()
    mirror = TacticsRandomMirror(prob=0.25)
    changed = [mirror.transform(window)["positions"][2, RUNNER, 1] < 0 for _ in range(400)]
    assert 70 < sum(changed) < 130
    assert TacticsRandomMirror(prob=0.0).transform(window) is window


def test_graph_of_a_mirrored_window():
    window = crowd(np.random.default_rng(4))
    first = build(window, num_nearest=4)
    second = build(TacticsRandomMirror(prob=1.0).transform(window), num_nearest=4)
    signs = [-1.0 if name.endswith(" y") else 1.0 for name in NODE_FEATURES]
    torch.testing.assert_close(second.x, first.x * torch.tensor(signs))
    signs = [-1.0 if name.startswith("sine") else 1.0 for name in EDGE_FEATURES]
    torch.testing.assert_close(second.edge_attr, first.edge_attr * torch.tensor(signs))


def hidden(window, transform):
    """Who is present before and not afterwards in the observed frames."""
    present = transform.transform(window)["present"]
    observed = slice(0, window["num_observed"])
    np.testing.assert_array_equal(
        present[window["num_observed"] :], window["present"][window["num_observed"] :]
    )
    gone = window["present"][observed].any(0) & ~present[observed].any(0)
    kept = ~gone
    np.testing.assert_array_equal(present[observed, kept], window["present"][observed, kept])
    return set(np.flatnonzero(gone).tolist())


def test_hide_a_number_of_players():
    window = crowd(np.random.default_rng(5), num_frames=9) | dict(num_observed=6)
    before = window["present"].copy()
    assert before[:6, :22].any(0).all()
    for count in (0, 1, 7, 22):
        assert len(hidden(window, TacticsHidePlayers(count, count))) == count
    assert hidden(window, TacticsHidePlayers(30, 40)) == set(range(22))
    np.testing.assert_array_equal(window["present"], before)
    window["present"][:6, 3:] = False
    assert hidden(window, TacticsHidePlayers(30, 40)) == {0, 1, 2}


def test_hide_those_out_of_view():
    window = crowd(np.random.default_rng(6), num_frames=9) | dict(num_observed=6)
    window["present"][:, 22] = True
    shown = TacticsHidePlayers(5, 5, by="view").transform(window)["present"]
    distance = np.linalg.norm(window["positions"] - window["positions"][:, 22:], axis=-1)
    for frame in range(6):
        players = np.flatnonzero(window["present"][frame, :22])
        farthest = players[distance[frame, players].argsort()][-5:]
        assert set(np.flatnonzero(shown[frame])) == {*players, 22} - {*farthest}
    np.testing.assert_array_equal(shown[6:], window["present"][6:])
    with pytest.raises(ConfigError, match="view"):
        TacticsHidePlayers(by="camera")


def test_hiding_takes_everybody_and_every_number():
    window = crowd(np.random.default_rng(5), num_frames=9)
    np.random.seed(0)
    draws = [hidden(window, TacticsHidePlayers(1, 3)) for _ in range(200)]
    assert set(map(len, draws)) == {1, 2, 3}
    assert set.union(*draws) == set(range(22))
    rare = [hidden(window, TacticsHidePlayers(1, 3, prob=0.2)) for _ in range(200)]
    assert 20 < sum(map(bool, rare)) < 60


def test_hiding_with_a_seed_is_decided_by_the_sample():
    window = crowd(np.random.default_rng(5), num_frames=9)

    def draws(seed):
        return [
            hidden(window | dict(sample_idx=index), TacticsHidePlayers(0, 8, seed=seed))
            for index in range(6)
        ]

    first = draws(3)
    assert draws(3) == first
    assert draws(4) != first
    assert len(set(map(frozenset, first))) > 3


def labelled():
    labels = no_labels(3, NUM_AGENTS)
    labels["strategy"] = np.array([[0, 3], [1, 4], [2, 5]])
    labels["has_strategy"] = np.array([[True, False], [False, False], [False, True]])
    labels["formation"] = np.array([2, 5])
    labels["role"] = np.arange(NUM_AGENTS)
    labels["has_role"] = np.arange(NUM_AGENTS) < 4
    return scene() | labels


def test_pack():
    window = BuildTacticsGraph(2, 1).transform(labelled())
    packed = PackTacticsInputs().transform(window)
    assert packed.keys() == {"inputs", "data_samples"}
    assert packed["inputs"] is window["graph"]
    sample = packed["data_samples"]
    # Strategies are those of the frames of the graph.
    assert sample.graph_frames.tolist() == [0, 2]
    assert sample.strategy.tolist() == [[0, 3], [2, 5]]
    assert sample.has_strategy.tolist() == [[True, False], [False, True]]
    for name in ("positions", "present", "team", "goalkeeper", "formation", "has_formation",
                 "role", "has_role"):  # fmt: skip
        np.testing.assert_array_equal(sample.get(name).numpy(), window[name])
    assert torch.equal(sample.graph_edges, window["graph"].edge_index)
    meta = sample.metainfo
    assert np.isnan(meta["seconds"]).all()
    assert meta["seconds"].shape == (3,)
    assert meta["agent_ids"] == list("abcdef")
    assert (meta["match"], meta["source"], meta["period"], meta["num_observed"]) == ("m", "s", 2, 3)
    timed = window | dict(seconds=np.float32([5, 6, 7]))
    packed = PackTacticsInputs().transform(timed)
    assert packed["data_samples"].metainfo["seconds"].tolist() == [5, 6, 7]


def test_pack_without_labels():
    sample = PackTacticsInputs().transform(BuildTacticsGraph(2).transform(scene()))["data_samples"]
    assert not {"formation", "role", "strategy", "has_strategy"} & set(sample.keys())


class Packed(torch.utils.data.Dataset):
    """Four windows, packed."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        window = crowd(np.random.default_rng(index)) | dict(match=str(index))
        return PackTacticsInputs().transform(BuildTacticsGraph(2, 2).transform(window))


def test_batches_of_workers():
    loader = DataLoader(Packed(), batch_size=2, num_workers=2, collate_fn=pseudo_collate)
    batches = list(loader)
    assert [[sample.match for sample in batch["data_samples"]] for batch in batches] == [
        ["0", "1"], ["2", "3"]
    ]  # fmt: skip
    for number, batch in enumerate(batches):
        for place, graph in enumerate(batch["inputs"]):
            torch.testing.assert_close(graph.x, Packed()[2 * number + place]["inputs"].x)
        joined = Batch.from_data_list(batch["inputs"])
        assert joined.x.shape == (2 * 3 * 23, len(NODE_FEATURES))
        assert joined.team.shape == (2, 23)
        assert joined.now.shape == (2, 23, 4)
        second = joined.edge_index[:, joined.edge_index[0] >= 3 * 23] - 3 * 23
        assert torch.equal(second, batch["data_samples"][1].graph_edges)
