"""Changes of windows that leave their meaning alone."""

import pytest
import torch

from footmm.models import TrajectoryViews
from footmm.models.trajectory.views import drop_agents, hide, mirror, shift, swap_teams
from footmm.structures.agent_tracks import AWAY, BALL, HOME

SOME = torch.tensor([True, False, True])


def views(**changes):
    return TrajectoryViews(**(dict(num_frames=5, mirror_prob=0, drop_share=0, noise=0) | changes))


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_mirror(tracks):
    found = mirror(tracks, SOME)
    assert torch.equal(found.positions[1], tracks.positions[1])
    assert torch.equal(found.positions[SOME, ..., 0], tracks.positions[SOME, ..., 0])
    assert torch.equal(found.positions[SOME, ..., 1], -tracks.positions[SOME, ..., 1])
    assert not equal(found, tracks)
    assert equal(mirror(found, SOME), tracks)


def test_swap(tracks):
    found = swap_teams(tracks, SOME)
    assert found.team[0].tolist() == [AWAY, AWAY, AWAY, HOME, HOME, HOME, BALL]
    assert equal((part[1] for part in found), (part[1] for part in tracks))
    assert torch.equal(found.positions[SOME], -tracks.positions[SOME])
    assert equal(swap_teams(found, SOME), tracks)


def test_after_a_swap_home_attacks_to_the_right(tracks):
    """Its goalkeeper is on the left; the other one was on the right."""
    positions = torch.zeros_like(tracks.positions)
    positions[..., 0] = torch.tensor([-50.0, -20, 0, 0, 30, 50, 10])
    found = swap_teams(tracks._replace(positions=positions), torch.tensor([True] * 3))
    keeper = found.goalkeeper & (found.team == HOME)
    assert (found.positions.transpose(1, 2)[keeper][..., 0] == -50).all()


def test_shift(make_tracks):
    tracks = make_tracks(frames=9)
    first = torch.tensor([4, 0, 2])
    found = shift(tracks, first, 5)
    for window, start in enumerate(first.tolist()):
        frames = slice(start, start + 5)
        assert torch.equal(found.positions[window], tracks.positions[window, frames])
        assert torch.equal(found.present[window], tracks.present[window, frames])
    assert torch.equal(found.team, tracks.team)


def test_hidden_tokens_are_gone(tracks):
    hidden = torch.zeros_like(tracks.present)
    hidden[:, 2:4, ::2] = True
    found = hide(tracks, hidden)
    assert torch.equal(found.present, tracks.present & ~hidden)
    assert not found.positions[~found.present].any()
    assert torch.equal(found.positions[found.present], tracks.positions[found.present])


def test_agents_are_dropped_whole(make_tracks):
    torch.manual_seed(0)
    tracks = make_tracks(batch=100)
    found = drop_agents(tracks, 0.25)
    before, after = tracks.present.sum(1), found.present.sum(1)
    assert ((after == before) | (after == 0)).all()
    assert 0.2 < ((after == 0) & (before > 0)).sum() / (before > 0).sum() < 0.3
    assert not found.positions[~found.present].any()
    assert equal(drop_agents(tracks, 0.0), tracks)
    assert not drop_agents(tracks, 1.0).present.any()


def test_a_view_is_a_piece_of_the_window(make_tracks):
    torch.manual_seed(0)
    tracks = make_tracks(batch=30)
    view = views()(tracks)
    pieces = tracks.positions.unfold(1, 5, 1).movedim(-1, 2)
    found = (pieces == view.positions[:, None]).flatten(2).all(-1)
    assert (found.sum(1) == 1).all()
    # All four places.
    assert found.any(0).all()
    assert torch.equal(view.present, tracks.present.unfold(1, 5, 1).movedim(-1, 2)[found])


def test_a_short_window_is_its_own_view(make_tracks):
    tracks = make_tracks(frames=4)
    assert equal(views()(tracks), tracks)
    assert equal(views(mirror_prob=1)(tracks), mirror(tracks, torch.tensor([True] * 3)))
    assert not views(drop_share=1)(tracks).present.any()


def test_noise_is_one_offset_an_agent(make_tracks):
    torch.manual_seed(0)
    tracks = make_tracks(batch=200, frames=4)
    found = views(noise=2.0)(tracks)
    offset = found.positions - tracks.positions
    assert not offset[~tracks.present].any()
    there = tracks.present[..., None].expand_as(offset)
    highest = offset.masked_fill(~there, -torch.inf).amax(1)
    lowest = offset.masked_fill(~there, torch.inf).amin(1)
    seen = tracks.present.any(1)
    assert torch.allclose(highest[seen], lowest[seen], atol=1e-4)
    assert offset[there].std() == pytest.approx(2.0, rel=0.1)
