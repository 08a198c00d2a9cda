from __future__ import annotations

import pytest
import torch

from footmm.models.trajectory.encoder import Tracks
from footmm.registry import MODELS

RATE = 5.0
#: Three a team, then the ball.
TEAM = torch.tensor([0, 0, 0, 1, 1, 1, 2])


@pytest.fixture
def make_tracks():
    """Windows of agents who run about; some are missing in some frames, one of them in all."""

    def make(batch=3, frames=8, seed=0):
        generator = torch.Generator().manual_seed(seed)
        start = 30 * torch.randn(batch, 1, len(TEAM), 2, generator=generator)
        steps = torch.randn(batch, frames, len(TEAM), 2, generator=generator)
        present = torch.rand(batch, frames, len(TEAM), generator=generator) < 0.8
        present[0, :, 1] = False
        team = TEAM.expand(batch, -1).clone()
        return Tracks(
            (start + steps.cumsum(1)) * present[..., None],
            present,
            team,
            torch.tensor([True, *[False] * 4, True, False]).expand(batch, -1).clone(),
        )

    return make


@pytest.fixture
def tracks(make_tracks):
    """Three windows of eight frames."""
    return make_tracks()


@pytest.fixture
def with_garbage():
    """The same tracks with other positions where nobody is."""

    def replace(tracks):
        garbage = torch.full_like(tracks.positions, 77.0)
        return tracks._replace(
            positions=torch.where(tracks.present[..., None], tracks.positions, garbage)
        )

    return replace


@pytest.fixture
def build():
    """A small Baller2Vec of five observed and three future frames; its config can be changed."""

    def make(seed=0, **changes):
        config = dict(
            type="Baller2Vec",
            num_observed=5,
            rate=RATE,
            embed_dims=16,
            encoder=dict(num_layers=2, num_heads=2, dropout=0.0),
            forecast_head=dict(type="ForecastHead", num_frames=3, rate=RATE),
            reconstruction_head=dict(
                type="ReconstructionHead", num_layers=1, num_heads=2, hidden_frames=2
            ),
            contrastive_head=dict(type="ContrastiveHead", loss=dict(type="ContrastiveLoss")),
        )
        torch.manual_seed(seed)
        return MODELS.build(config | changes)

    return make
