"""The encoder against plain loops, and who must not matter to whom."""

import math

import pytest
import torch

from footmm.errors import ConfigError
from footmm.models.trajectory.encoder import (
    AgentTimeAttention,
    Tracks,
    TrajectoryEmbedding,
    TrajectoryTransformer,
    attention_masks,
    velocities,
)

DIMS, RATE = 16, 5.0


@pytest.fixture
def encode():
    """The encoder as a function of the tracks, causal or not."""

    def make(causal):
        torch.manual_seed(0)
        embedding = TrajectoryEmbedding(DIMS, 8, RATE)
        transformer = TrajectoryTransformer(DIMS, 2, 4, dropout=0.0, causal=causal)
        # Zero at first, which would hide mistakes.
        torch.nn.init.normal_(embedding.hidden)

        @torch.no_grad()
        def run(tracks):
            return transformer(embedding(tracks), tracks.present)

        return run

    return make


def close(first, second):
    return torch.allclose(first, second, atol=1e-5)


def picked(tracks, agents):
    return Tracks(
        tracks.positions[:, :, agents],
        tracks.present[:, :, agents],
        tracks.team[:, agents],
        tracks.goalkeeper[:, agents],
    )


def test_velocities_by_hand():
    positions = torch.tensor([1.0, 1.5, 0.0, 4.0, 4.0])[None, :, None, None].repeat(1, 1, 1, 2)
    present = torch.tensor([True, True, False, True, True])[None, :, None]
    tracks = Tracks(positions, present, torch.zeros(1, 1), torch.zeros(1, 1))
    velocity, known = velocities(tracks, rate=10.0)
    assert velocity[0, :, 0].tolist() == [[0, 0], [5, 5], [0, 0], [0, 0], [0, 0]]
    assert known[0, :, 0].tolist() == [False, True, False, False, True]


def test_motion_by_hand(tracks):
    """What the network is told of a player: place, velocity, acceleration, the ball."""
    at = torch.tensor([[10.5, 3.4], [11.5, 3.4], [13.5, 4.4], [13.5, 4.4]])
    ball = torch.tensor([[0.5, 23.4], [0.0, 0.0], [33.5, 4.4], [3.5, 4.4]])
    present = torch.tensor([[True, True], [True, False], [True, True], [False, True]])
    positions = torch.stack((at, ball), dim=1) * present[..., None]
    team = torch.tensor([[0, 2]])
    tracks = Tracks(positions[None], present[None], team, torch.zeros_like(team))
    embedding = TrajectoryEmbedding(DIMS, 8, RATE)
    seen = []
    embedding.motion.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    embedding(tracks)
    (features,) = seen
    expected = [
        # x, y, velocity, acceleration, from the ball, is there a velocity, acceleration, ball
        [0.2, 0.1, 0, 0, 0, 0, 0.5, -1, 0, 0, 1],
        [11.5 / 52.5, 0.1, 1, 0, 0, 0, 0, 0, 1, 0, 0],
        [13.5 / 52.5, 4.4 / 34, 2, 1, 25 / 3, 25 / 3, -1, 0, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    torch.testing.assert_close(features[0, :, 0], torch.tensor(expected))


def test_tokens_tell_teams_keepers_and_frames_apart(tracks):
    torch.manual_seed(0)
    embedding = TrajectoryEmbedding(DIMS, 8, RATE)
    nobody = tracks._replace(present=torch.zeros_like(tracks.present)).frames(0, 2)
    tokens = embedding(nobody)[0].flatten(0, 1).detach()
    # Home keeper, home, away, away keeper and the ball, in two frames.
    assert len(torch.unique(tokens, dim=0)) == 10


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("order", [[2, 0, 1, 4, 5, 3, 6], [6, 3, 0, 5, 1, 4, 2]])
def test_tokens_follow_any_order_of_the_agents(encode, tracks, causal, order):
    run = encode(causal)
    tokens = run(tracks)
    assert close(run(picked(tracks, order)), tokens[:, :, order])
    assert not close(tokens[:, :, order], tokens)


@pytest.mark.parametrize("causal", [True, False])
def test_the_future_is_seen_only_where_it_may_be(encode, tracks, causal):
    run = encode(causal)
    positions = tracks.positions.clone()
    positions[:, 4] += 3.0 * tracks.present[:, 4, :, None]
    difference = (run(tracks) - run(tracks._replace(positions=positions))).abs().amax((0, 2, 3))
    assert (difference[4:] > 1e-3).all()
    if causal:
        assert (difference[:4] == 0).all()
    else:
        assert (difference[:4] > 1e-3).all()


@pytest.mark.parametrize("causal", [True, False])
def test_positions_of_who_is_missing_do_not_matter(encode, tracks, with_garbage, causal):
    run = encode(causal)
    assert not torch.equal(with_garbage(tracks).positions, tracks.positions)
    assert close(run(with_garbage(tracks)), run(tracks))


def test_who_is_never_there_does_not_matter(encode, tracks):
    run = encode(causal=False)
    present = tracks.present.clone()
    present[:, :, 4] = False
    others = [0, 1, 2, 3, 5, 6]
    without = tracks._replace(present=present)
    assert close(run(without)[:, :, others], run(picked(tracks, others)))
    assert not close(run(without)[:, :, others], run(tracks)[:, :, others])


def allowed(visible, causal, batch, query, key):
    (frame, _), (other_frame, other_agent) = query, key
    if query == key:
        return True
    return visible[batch, other_frame, other_agent].item() and (not causal or other_frame <= frame)


@pytest.mark.parametrize("causal", [True, False])
def test_masks_by_a_loop(make_tracks, causal):
    visible = make_tracks(batch=2, frames=3).present[:, :, :4]
    masks = attention_masks(visible, causal)
    tokens = [(frame, agent) for frame in range(3) for agent in range(4)]
    for batch in range(2):
        for row, query in enumerate(tokens):
            for column, key in enumerate(tokens):
                expected = 0.0 if allowed(visible, causal, batch, query, key) else -torch.inf
                assert masks.scene[batch, 0, row, column] == expected
                if query[1] == key[1]:
                    own = masks.own[4 * batch + query[1], 0, query[0], key[0]]
                    assert own == expected


def attention_by_a_loop(module, tokens, visible, causal):
    """Every query, head and key of one window by itself."""
    frames, agents, dims = tokens.shape
    heads, width = module.num_heads, dims // module.num_heads
    parts = module.query_key_value(tokens).view(frames, agents, 3, heads, width)
    places = [(frame, agent) for frame in range(frames) for agent in range(agents)]
    result = torch.zeros(frames, agents, heads, width)
    for query in places:
        for head in range(heads):
            keys = [
                key
                for key in places
                if allowed(visible, causal, 0, query, key)
                and (head >= heads // 2 or key[1] == query[1])
            ]
            scores = [parts[query][0, head] @ parts[key][1, head] for key in keys]
            weights = (torch.stack(scores) / math.sqrt(width)).softmax(0)
            values = torch.stack([parts[key][2, head] for key in keys])
            result[query][head] = weights @ values
    return module.output(result.flatten(2))


@torch.no_grad()
def test_half_of_the_heads_follow_their_agent(make_tracks):
    torch.manual_seed(0)
    module = AgentTimeAttention(DIMS, 4)
    visible = make_tracks(batch=1, frames=3).present[:, :, :4]
    tokens = torch.randn(1, 3, 4, DIMS)
    found = module(tokens, attention_masks(visible, causal=True))
    assert close(found[0], attention_by_a_loop(module, tokens[0], visible, causal=True))


@pytest.mark.parametrize("heads", [3, 6])
def test_number_of_heads(heads):
    with pytest.raises(ConfigError, match=f"num_heads={heads} must be even and divide embed_dims"):
        AgentTimeAttention(DIMS, heads)


def test_too_many_frames(make_tracks):
    with pytest.raises(ConfigError, match=r"window of 9 frames is longer than .* max_frames=8"):
        TrajectoryEmbedding(DIMS, 8, RATE)(make_tracks(frames=9))
