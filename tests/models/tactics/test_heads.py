"""What the heads read: both teams and the ball, of those who are seen."""

from __future__ import annotations

import pytest
import torch

from footmm.models import FormationHead, NextPositionHead, RoleHead, StrategyHead
from footmm.models.tactics.heads import Tokens, pool
from footmm.structures.agent_tracks import AWAY, BALL, HOME

DIMS, FRAMES = 8, 3
TEAM = torch.tensor([HOME, HOME, HOME, AWAY, AWAY, BALL])


@pytest.fixture
def tokens():
    torch.manual_seed(0)
    vectors = torch.randn(1, FRAMES, len(TEAM), DIMS)
    return Tokens(vectors, torch.ones(vectors.shape[:3], dtype=torch.bool), TEAM[None])


def moved(tokens, agent, frame=slice(None)):
    """The tokens with other vectors of one agent."""
    vectors = tokens.vectors.clone()
    vectors[:, frame, agent] += 1.0
    return tokens._replace(vectors=vectors)


def hidden(tokens, agent):
    present = tokens.present.clone()
    present[:, :, agent] = False
    return tokens._replace(present=present)


def changes(found, expected):
    """Which of the first axes' entries differ, ignoring classes."""
    return ((found - expected).abs() > 1e-6).any(-1)


def test_mean_and_maximum_of_members():
    vectors = torch.tensor([[1.0, -2], [3, -6], [100, 100]])
    members = torch.tensor([[True, True, False], [False, False, False]])
    assert pool(vectors, members).tolist() == [[2, -4, 3, -2], [0, 0, 0, 0]]


@torch.no_grad()
@pytest.mark.parametrize("agent", range(len(TEAM)))
def test_strategies_depend_on_both_teams_and_the_ball_in_the_frame(tokens, agent):
    head = StrategyHead(DIMS, 6).eval()
    found = changes(head(moved(tokens, agent, frame=1)), head(tokens))
    assert found.tolist() == [[[False, False], [True, True], [False, False]]]
    unseen = hidden(tokens, agent)
    assert not changes(head(moved(unseen, agent)), head(unseen)).any()


@torch.no_grad()
def test_strategies_of_a_team_know_which_team_it_is(tokens):
    """A team and its opponents do not have the same say."""
    first, second = StrategyHead(DIMS, 6).eval()(tokens)[0].unbind(1)
    assert changes(first, second).all()


@torch.no_grad()
@pytest.mark.parametrize("agent", range(len(TEAM)))
def test_roles_and_formations_depend_on_the_team(tokens, agent):
    roles, formations = RoleHead(DIMS, 14, 8).eval(), FormationHead(DIMS, 14, 8).eval()
    own = TEAM.eq(TEAM[agent])
    found = changes(roles(moved(tokens, agent)), roles(tokens))[0]
    assert found.tolist() == own.tolist()
    given = torch.zeros(1, len(TEAM), 14)
    found = changes(formations(moved(tokens, agent), given), formations(tokens, given))[0]
    assert found.tolist() == [bool(TEAM[agent] == team) for team in (HOME, AWAY)]
    unseen = hidden(tokens, agent)
    found = changes(formations(moved(unseen, agent), given), formations(unseen, given))
    assert not found.any()
    others = torch.arange(len(TEAM)) != agent
    assert not changes(roles(moved(unseen, agent)), roles(unseen))[0, others].any()


@torch.no_grad()
def test_roles_know_the_formation_of_their_own_team(tokens):
    head = RoleHead(DIMS, 14, 8)
    roles = torch.randn(1, len(TEAM), 14)
    formations = torch.full((1, 2, 8), -50.0)
    formations[0, 0, 3] = formations[0, 1, 5] = 50.0
    weight, bias = head.in_formation.weight, head.in_formation.bias
    added = (head.given_formation(roles, formations, tokens) - roles)[0]
    for agent, formation in enumerate([3, 3, 3, 5, 5]):
        torch.testing.assert_close(added[agent], weight[:, formation] + bias, atol=1e-5, rtol=0)
    # The ball has no team.
    assert not added[5].any()


@torch.no_grad()
def test_formations_depend_on_the_roles_of_seen_players(tokens):
    head = FormationHead(DIMS, 14, 8).eval()
    roles = torch.zeros(1, len(TEAM), 14)
    other = roles.clone()
    other[0, 1, 3] = 5.0
    assert changes(head(tokens, other), head(tokens, roles)).tolist() == [[True, False]]
    unseen = hidden(tokens, 1)
    assert not changes(head(unseen, other), head(unseen, roles)).any()


@torch.no_grad()
def test_next_positions_without_a_say_go_straight_on(tokens):
    head = NextPositionHead(DIMS, num_frames=4, rate=2.0)
    torch.nn.init.zeros_(head.path[-1].weight)
    now = torch.randn(1, len(TEAM), 4)
    seconds = torch.tensor([0.5, 1.0, 1.5, 2.0])[:, None, None]
    straight = now[0, :, :2] + seconds * now[0, :, 2:]
    torch.testing.assert_close(head(tokens, now)[0], straight)
    # A step as the teams see it: 2 m a second forwards, 1 m a second to the left.
    head.path[-1].bias.copy_(torch.tensor([2.0, 1.0]).repeat(4))
    steps = (head(tokens, now)[0] - straight) / seconds
    expected = torch.tensor([[2.0, 1.0]] * 3 + [[-2.0, -1.0]] * 2 + [[0.0, 0.0]])
    torch.testing.assert_close(steps, expected.expand(4, -1, -1), atol=1e-5, rtol=0)
