"""What is read off the tokens of players and ball: roles, formations, strategies, next positions.

All of them know a player by where it is, not by its place in the list, and a team by its players.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from footmm.registry import MODELS
from footmm.structures.agent_tracks import AWAY, BALL, HOME


class Tokens(NamedTuple):
    """Vectors of ``A`` agents in ``T`` frames, and who they are.

    Attributes:
        vectors: ``(B, T, A, d)``.
        present: ``(B, T, A)`` bool.
        team: ``(B, A)``, see :mod:`footmm.structures.agent_tracks`.
    """

    vectors: Tensor
    present: Tensor
    team: Tensor

    @property
    def members(self) -> Tensor:
        """``(B, 2, A)`` bool, who belongs to which team."""
        return torch.stack((self.team == HOME, self.team == AWAY), dim=1)

    def agents(self) -> tuple[Tensor, Tensor]:
        """Mean of each agent's vectors, ``(B, A, d)``, and whether it was seen, ``(B, A)``."""
        weight = self.present.to(self.vectors.dtype)
        total = torch.einsum("btad,bta->bad", self.vectors, weight)
        return total / weight.sum(1).clamp(min=1)[..., None], self.present.any(1)


def pool(vectors: Tensor, members: Tensor) -> Tensor:
    """Mean and maximum over members.

    Args:
        vectors: ``(..., A, d)``.
        members: ``(..., K, A)`` bool, ``K`` groups; an empty one has zeros.

    Returns:
        ``(..., K, 2 d)``.
    """
    weight = members.to(vectors.dtype)
    mean = weight @ vectors / weight.sum(-1, keepdim=True).clamp(min=1)
    masked = vectors.unsqueeze(-3).masked_fill(~members[..., None], -torch.inf)
    top = masked.amax(-2).masked_fill(~members.any(-1, keepdim=True), 0.0)
    return torch.cat((mean, top), dim=-1)


def _classifier(in_dims: int, hidden: int, num_classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_dims, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, num_classes),
    )


@MODELS.register_module()
class RoleHead(nn.Module):
    """Tells the role of each player over the window from its vector and its team's.

    What a place is called depends on the others: the left side's third man is a left midfield of
    4-4-2 and a left wing of 4-3-3. So the roles are told a second time when the formation is.

    Args:
        embed_dims: Length of a vector, d.
        num_roles: Number of roles, R.
        num_formations: Number of formations, F.
        dropout: Share of what is dropped in training.
    """

    def __init__(
        self, embed_dims: int, num_roles: int, num_formations: int, dropout: float = 0.1
    ) -> None:
        super().__init__()
        #: How much more, or less, likely each role is in each formation.
        self.in_formation = nn.Linear(num_formations, num_roles)
        self.classifier = _classifier(3 * embed_dims, 2 * embed_dims, num_roles, dropout)

    def forward(self, tokens: Tokens) -> Tensor:
        """Return logits ``(B, A, R)``."""
        vectors, seen = tokens.agents()
        members = tokens.members
        teams = pool(vectors, members & seen[:, None])
        own = members.to(vectors.dtype).transpose(1, 2) @ teams
        return self.classifier(torch.cat((vectors, own), dim=-1))

    def given_formation(
        self, role_logits: Tensor, formation_logits: Tensor, tokens: Tokens
    ) -> Tensor:
        """Return logits ``(B, A, R)`` that know what the teams play.

        Args:
            role_logits: ``(B, A, R)``.
            formation_logits: ``(B, 2, F)``.
            tokens: Of the window.
        """
        of_team = self.in_formation(formation_logits.softmax(-1))
        return role_logits + tokens.members.to(of_team.dtype).transpose(1, 2) @ of_team


@MODELS.register_module()
class FormationHead(nn.Module):
    """Tells the formation of each team from its players' vectors and their roles.

    Args:
        embed_dims: Length of a vector, d.
        num_roles: Number of roles, R.
        num_formations: Number of formations, F.
        dropout: Share of what is dropped in training.
    """

    def __init__(
        self, embed_dims: int, num_roles: int, num_formations: int, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.classifier = _classifier(
            2 * embed_dims + num_roles, 2 * embed_dims, num_formations, dropout
        )

    def forward(self, tokens: Tokens, role_logits: Tensor) -> Tensor:
        """Return logits ``(B, 2, F)``.

        Args:
            tokens: Of the window.
            role_logits: ``(B, A, R)``.
        """
        vectors, seen = tokens.agents()
        members = tokens.members & seen[:, None]
        # How many of each role a team has is nearly its formation.
        roles = members.to(role_logits.dtype) @ role_logits.softmax(-1)
        return self.classifier(torch.cat((pool(vectors, members), roles), dim=-1))


@MODELS.register_module()
class StrategyHead(nn.Module):
    """Tells the strategy of each team in each frame from both teams and the ball.

    Args:
        embed_dims: Length of a vector, d.
        num_strategies: Number of strategies, S.
        dropout: Share of what is dropped in training.
    """

    def __init__(self, embed_dims: int, num_strategies: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.classifier = _classifier(5 * embed_dims, 2 * embed_dims, num_strategies, dropout)

    def forward(self, tokens: Tokens) -> Tensor:
        """Return logits ``(B, T, 2, S)``."""
        members = tokens.members[:, None] & tokens.present[:, :, None]
        teams = pool(tokens.vectors, members)
        is_ball = (tokens.team == BALL)[:, None] & tokens.present
        ball = (tokens.vectors * is_ball[..., None]).sum(2, keepdim=True)
        ball = ball.expand(-1, -1, 2, -1)
        return self.classifier(torch.cat((teams, teams.flip(2), ball), dim=-1))


@MODELS.register_module()
class NextPositionHead(nn.Module):
    """Tells where the players go from the last frame on, as they see it themselves.

    The ball, which knows no direction in this network, is taken to go on as it goes.

    Args:
        embed_dims: Length of a vector, d.
        num_frames: Frames to predict, F.
        rate: Frames a second.
    """

    def __init__(self, embed_dims: int, num_frames: int, rate: float) -> None:
        super().__init__()
        self.num_frames = num_frames
        self.path = nn.Sequential(
            nn.Linear(embed_dims, embed_dims), nn.GELU(), nn.Linear(embed_dims, num_frames * 2)
        )
        nn.init.normal_(self.path[-1].weight, std=0.01)
        nn.init.zeros_(self.path[-1].bias)
        seconds = torch.arange(1, num_frames + 1) / rate
        self.register_buffer("seconds", seconds[:, None], persistent=False)

    def forward(self, tokens: Tokens, now: Tensor) -> Tensor:
        """Return positions ``(B, F, A, 2)``, metres, world frame.

        Args:
            tokens: Of the window.
            now: ``(B, A, 4)``, positions and velocities in the last frame, metres and metres a
                second, world frame.
        """
        position, velocity = now[:, :, None].split(2, dim=-1)
        straight = position + self.seconds * velocity
        offset = self.path(tokens.vectors[:, -1]).float().unflatten(-1, (self.num_frames, 2))
        turn = torch.where(tokens.team == AWAY, -1.0, 1.0) * (tokens.team != BALL)
        return (straight + self.seconds * offset * turn[..., None, None]).transpose(1, 2)
