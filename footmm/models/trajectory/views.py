"""Two views of a window, and other changes that leave its meaning alone; on whole batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from footmm.models.trajectory.encoder import Tracks
from footmm.registry import MODELS
from footmm.structures.agent_tracks import BALL


def mirror(tracks: Tracks, chosen: Tensor) -> Tracks:
    """Mirror windows at the pitch's long axis, where ``chosen`` (B,) says so."""
    sign = torch.where(chosen, -1.0, 1.0)[:, None, None]
    positions = torch.stack((tracks.positions[..., 0], sign * tracks.positions[..., 1]), dim=-1)
    return tracks._replace(positions=positions)


def swap_teams(tracks: Tracks, chosen: Tensor) -> Tracks:
    """Turn windows by half a turn and call the home team away, where ``chosen`` (B,) says so.

    The team that is now called home attacks to the right again.
    """
    sign = torch.where(chosen, -1.0, 1.0)[:, None, None, None]
    other = torch.where(tracks.team == BALL, tracks.team, 1 - tracks.team)
    team = torch.where(chosen[:, None], other, tracks.team)
    return tracks._replace(positions=tracks.positions * sign, team=team)


def shift(tracks: Tracks, first: Tensor, num_frames: int) -> Tracks:
    """Cut ``num_frames`` frames from the frame ``first`` (B,) of every window on."""
    frames = first[:, None] + torch.arange(num_frames, device=first.device)
    batch = torch.arange(len(first), device=first.device)[:, None]
    return tracks._replace(
        positions=tracks.positions[batch, frames], present=tracks.present[batch, frames]
    )


def drop_agents(tracks: Tracks, share: float) -> Tracks:
    """Take a share of the agents out of every window."""
    batch, _, agents = tracks.present.shape
    kept = torch.rand(batch, 1, agents, device=tracks.present.device) >= share
    return hide(tracks, ~kept)


def hide(tracks: Tracks, hidden: Tensor) -> Tracks:
    """Take tokens out of the windows, where ``hidden`` (B, T or 1, A) says so."""
    present = tracks.present & ~hidden
    return tracks._replace(positions=tracks.positions * present[..., None], present=present)


@MODELS.register_module()
class TrajectoryViews(nn.Module):
    """Cuts a view out of each window: shifted in time, mirrored, noisy, without some agents.

    Args:
        num_frames: Frames of a view.
        mirror_prob: Chance that a view is mirrored at the pitch's long axis.
        drop_share: Share of the agents that are missing in a view.
        noise: Standard deviation by which a view's agents are displaced, each of them by one offset
            for all frames, metres.
    """

    def __init__(
        self,
        num_frames: int,
        mirror_prob: float = 0.5,
        drop_share: float = 0.1,
        noise: float = 0.3,
    ) -> None:
        super().__init__()
        self.num_frames = num_frames
        self.mirror_prob = mirror_prob
        self.drop_share = drop_share
        self.noise = noise

    def forward(self, tracks: Tracks) -> Tracks:
        """Return a view of ``num_frames`` frames of every window, or of all where it has fewer."""
        batch, frames, agents = tracks.present.shape
        device = tracks.present.device
        length = min(self.num_frames, frames)
        first = torch.randint(0, frames - length + 1, (batch,), device=device)
        view = shift(tracks, first, length)
        view = mirror(view, torch.rand(batch, device=device) < self.mirror_prob)
        noise = self.noise * torch.randn(batch, 1, agents, 2, device=device)
        view = view._replace(positions=view.positions + noise * view.present[..., None])
        return drop_agents(view, self.drop_share)
