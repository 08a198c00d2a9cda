"""The whole network on windows of simulated matches, and what makes one graph of a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope

from footmm.datasets import SyntheticTacticsDataset
from footmm.datasets.transforms.tactics_graph import EDGE_FEATURES, NODE_FEATURES
from footmm.errors import ConfigError
from footmm.models import AgentBiLSTM, GATv2Encoder
from footmm.registry import MODELS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.agent_tracks import AWAY, BALL, HOME

DIMS, FRAMES, AGENTS, FUTURE, RATE = 16, 5, 23, 10, 5.0
LOSSES = ["loss_formation", "loss_role", "loss_strategy", "loss_trajectory"]
PIPELINE = [dict(type="BuildTacticsGraph", frame_step=5), dict(type="PackTacticsInputs")]
#: Places of a window of whom there are eleven each.
HOME_PLACES, AWAY_PLACES = range(11), range(11, 22)


@pytest.fixture(scope="module")
def windows():
    """Four windows of two matches, as before the pipeline."""
    dataset = SyntheticTacticsDataset(
        num_samples=4,
        num_frames=21 + FUTURE,
        num_observed=21,
        rate=RATE,
        match_duration_s=10.0,
        matches_per_block=2,
        cached_blocks=1,
    )
    return [dataset[number] for number in range(4)]


@pytest.fixture(scope="module")
def pack():
    init_default_scope("footmm")
    return Compose(PIPELINE)


@pytest.fixture
def batch(windows, pack):
    """What a data loader gives of the four windows."""
    return pseudo_collate([pack(dict(window)) for window in windows])


@pytest.fixture
def build():
    """A small network without dropout; its config can be changed."""

    def make(num_future=FUTURE, **changes):
        init_default_scope("footmm")
        torch.manual_seed(0)
        heads = dict(embed_dims=DIMS, dropout=0.0)
        counts = dict(num_roles=len(ROLES), num_formations=len(FORMATIONS))
        config = dict(
            type="TacticsGNN",
            encoder=dict(
                type="GATv2Encoder",
                in_dims=len(NODE_FEATURES),
                edge_dims=len(EDGE_FEATURES),
                embed_dims=DIMS,
                num_layers=2,
                num_heads=2,
                dropout=0.0,
            ),
            temporal=dict(type="AgentBiLSTM", embed_dims=DIMS, num_layers=1, dropout=0.0),
            formation_head=dict(type="FormationHead", **heads, **counts),
            role_head=dict(type="RoleHead", **heads, **counts),
            strategy_head=dict(type="StrategyHead", **heads, num_strategies=len(STRATEGIES)),
            next_position_head=dict(
                type="NextPositionHead", embed_dims=DIMS, num_frames=num_future, rate=RATE
            ),
        )
        return MODELS.build(config | changes)

    return make


@pytest.fixture
def run(build, pack):
    """The outputs, or the losses, of one and the same network for windows of the dataset's."""
    model = build().eval()

    def run(windows, mode="tensor"):
        data = model.data_preprocessor(pseudo_collate([pack(dict(window)) for window in windows]))
        return model(**data, mode=mode)

    return run


def reordered(window, order):
    """The agents of a window in another order."""
    of_agents = {name: window[name][order] for name in ("team", "goalkeeper", "role", "has_role")}
    tracks = {name: window[name][:, order] for name in ("positions", "present")}
    return window | of_agents | tracks | dict(agent_ids=[window["agent_ids"][i] for i in order])


def hidden(window, places, frames=slice(None)):
    present = window["present"].copy()
    present[frames, list(places)] = False
    return window | dict(present=present)


def assert_close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_shapes(run, windows):
    outputs = run(windows)
    assert outputs.formation.shape == (4, 2, len(FORMATIONS))
    assert outputs.role.shape == (4, AGENTS, len(ROLES))
    assert outputs.strategy.shape == (4, FRAMES, 2, len(STRATEGIES))
    assert outputs.positions.shape == (4, FUTURE, AGENTS, 2)


@torch.no_grad()
def test_windows_of_a_batch_do_not_hear_of_each_other(run, windows):
    together = run(windows)
    for number, window in enumerate(windows):
        for found, expected in zip(run([window]), together, strict=True):
            assert_close(found[0], expected[number])


@torch.no_grad()
def test_order_of_the_players_does_not_matter(run, windows):
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(11), 11 + rng.permutation(11), [22]])
    first, second = run(windows), run([reordered(window, order) for window in windows])
    assert_close(second.formation, first.formation)
    assert_close(second.strategy, first.strategy)
    assert_close(second.role, first.role[:, order])
    assert_close(second.positions, first.positions[:, :, order])
    assert not torch.allclose(second.role, first.role, atol=1e-3)


@torch.no_grad()
def test_swapped_teams_have_swapped_answers(run, windows):
    """Half a turn, and home is away: each team sees what the other one saw."""
    order = np.concatenate([np.arange(11, 22), np.arange(11), [22]])
    swapped = [
        reordered(window, order)
        | dict(positions=-window["positions"][:, order], team=window["team"])
        for window in windows
    ]
    first, second = run(windows), run(swapped)
    assert_close(second.formation, first.formation.flip(1))
    assert_close(second.strategy, first.strategy.flip(2))
    assert_close(second.role, first.role[:, order])
    assert_close(second.positions, -first.positions[:, :, order])
    assert not torch.allclose(second.formation, first.formation, atol=1e-3)


@torch.no_grad()
def test_positions_of_who_is_missing_and_what_comes_do_not_matter(run, windows):
    seen = [hidden(window, (3, 15)) for window in windows]
    garbage = [window | dict(positions=window["positions"].copy()) for window in seen]
    for window in garbage:
        window["positions"][:, [3, 15]] = np.nan
    for found, expected in zip(run(garbage), run(seen), strict=True):
        assert torch.equal(found, expected)
    found, expected = run(garbage, "loss"), run(seen, "loss")
    assert {name: loss.item() for name, loss in found.items()} == pytest.approx(
        {name: loss.item() for name, loss in expected.items()}
    )
    for window in garbage:
        window["positions"][21:] += 5.0
    assert torch.equal(run(garbage).positions, run(seen).positions)
    assert run(garbage, "loss")["loss_trajectory"] > run(seen, "loss")["loss_trajectory"] + 1


@torch.no_grad()
def test_predictions_begin_where_the_agents_are_and_the_ball_goes_straight_on(run, windows):
    positions = run(windows).positions
    last, before = (
        torch.stack([torch.from_numpy(window["positions"][frame]) for window in windows])
        for frame in (20, 19)
    )
    assert (positions[:, 0] - last).norm(dim=-1).max() < 3
    steps = torch.arange(1, FUTURE + 1)[:, None]
    ball = last[:, None, 22] + steps * (last - before)[:, None, 22]
    assert_close(positions[:, :, 22], ball)


@pytest.mark.parametrize(
    "missing",
    [[22], HOME_PLACES, AWAY_PLACES, range(22), range(AGENTS)],
    ids=["no ball", "no home team", "no away team", "only the ball", "nobody"],
)
@pytest.mark.parametrize("frames", [slice(None), slice(20, 21)], ids=["always", "last frame"])
def test_whoever_is_missing(build, pack, windows, missing, frames):
    model = build()
    packed = [pack(hidden(window, missing, frames)) for window in windows]
    data = model.data_preprocessor(pseudo_collate(packed))
    assert all(output.isfinite().all() for output in model(**data))
    losses = model(**data, mode="loss")
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    # Whose place is not known has no next place, and who was never seen no role.
    unseen = len(missing) >= 22
    assert (losses["loss_trajectory"].item() == 0) == unseen
    assert (losses["loss_role"].item() == 0) == (unseen and frames == slice(None))


@torch.no_grad()
def test_predict_fills_the_data_samples(build, batch):
    model = build().eval()
    samples = model.test_step(batch)
    outputs = model(model.data_preprocessor(batch)["inputs"])
    assert len(samples) == 4
    for number, sample in enumerate(samples):
        for name in ("formation", "role", "strategy"):
            found, logits = sample.get(f"pred_{name}"), getattr(outputs, name)[number]
            assert_close(found, logits.softmax(-1))
            assert_close(found.sum(-1), torch.ones(found.shape[:-1]))
        assert torch.equal(sample.pred_positions, outputs.positions[number, None])
        assert sample.pred_scores.tolist() == [1]


@torch.no_grad()
def test_attention_to_a_node_adds_up_to_one(build, pack, windows):
    some = [windows[0], hidden(windows[1], [0, 5, 22]), windows[2]]
    samples = build().eval().test_step(pseudo_collate([pack(dict(window)) for window in some]))
    counts = []
    for sample in samples:
        assert sample.pred_attention.shape == sample.graph_edges[0].shape
        receivers = sample.graph_edges[1]
        sums = torch.zeros(FRAMES * AGENTS).index_add_(0, receivers, sample.pred_attention)
        assert_close(sums[receivers], torch.ones(len(receivers)))
        counts.append(len(receivers))
    assert counts[1] < counts[0]


@torch.no_grad()
def test_attention_of_a_window_is_its_own(build, pack, windows):
    """The weights of the batch's edges are shared out in the order of the windows."""
    model = build().eval()
    some = [hidden(windows[1], [0, 5, 22]), windows[0]]
    together = model.test_step(pseudo_collate([pack(dict(window)) for window in some]))
    for window, sample in zip(some, together, strict=True):
        (alone,) = model.test_step(pseudo_collate([pack(dict(window))]))
        assert_close(sample.pred_attention, alone.pred_attention)


@torch.no_grad()
def test_predictions_bring_no_batch_along(build, batch):
    sample = build().eval().test_step(batch)[1]
    names = [name for name in sample.keys() if name.startswith("pred_")]  # noqa: SIM118
    assert len(names) == 6
    for name in names:
        value = sample.get(name)
        assert value.untyped_storage().nbytes() == value.numel() * value.element_size()


def test_one_graph_of_a_batch(build, batch):
    graphs = batch["inputs"]
    joined = build().data_preprocessor(batch)["inputs"]
    nodes, edges = FRAMES * AGENTS, graphs[0].edge_index.shape[1]
    assert joined.x.shape == (4 * nodes, len(NODE_FEATURES))
    assert torch.equal(joined.x[nodes : 2 * nodes], graphs[1].x)
    second = joined.edge_index[:, edges : edges + graphs[1].edge_index.shape[1]]
    assert torch.equal(second, graphs[1].edge_index + nodes)
    assert joined.team.tolist() == [[HOME] * 11 + [AWAY] * 11 + [BALL]] * 4
    assert joined.now.shape == (4, AGENTS, 4)


def test_graphs_and_samples_go_to_the_device(build, batch):
    preprocessor = build().data_preprocessor.to("meta")
    moved = preprocessor(batch)
    for name in ("x", "edge_index", "edge_attr", "present", "team", "now"):
        assert moved["inputs"][name].device.type == "meta", name
        assert batch["inputs"][0][name].device.type == "cpu", name
    assert moved["data_samples"][3].positions.device.type == "meta"
    assert preprocessor(dict(inputs=batch["inputs"]))["data_samples"] is None


def test_every_parameter_has_a_gradient(build, batch):
    model = build(loss=dict(type="TacticsLoss", uncertainty=True))
    losses = model(**model.data_preprocessor(batch), mode="loss")
    assert list(losses) == LOSSES
    sum(losses.values()).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert "loss.log_variances" in gradients
    for name, gradient in gradients.items():
        assert gradient is not None, name
        assert gradient.isfinite().all(), name
        assert gradient.any(), name


def test_a_few_windows_are_learned_by_heart(build, batch):
    model = build()
    optimizer = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-2))
    logs = [model.train_step(batch, optimizer) for _ in range(40)]
    for name, share in zip(LOSSES, (0.1, 0.7, 0.1, 0.9), strict=True):
        assert logs[-1][name] < share * logs[0][name], name


def test_futures_that_do_not_fit(build, batch):
    model = build(num_future=FUTURE - 1)
    data = model.data_preprocessor(batch)
    with pytest.raises(ConfigError, match=r"10 frames after the last observed one.*num_frames=9"):
        model(**data, mode="loss")


def test_unknown_mode(build, batch):
    model = build()
    with pytest.raises(ValueError, match="mode='train' has to be 'tensor', 'loss' or 'predict'"):
        model(**model.data_preprocessor(batch), mode="train")


def test_lengths_that_cannot_be_divided():
    with pytest.raises(ConfigError, match="num_heads=3 must divide embed_dims=16"):
        GATv2Encoder(21, 7, embed_dims=16, num_heads=3)
    with pytest.raises(ConfigError, match="embed_dims=15 must be even"):
        AgentBiLSTM(embed_dims=15)
