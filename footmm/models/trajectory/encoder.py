"""A transformer over agents and time: the encoder of baller2vec, and the decoder beside it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.errors import ConfigError
from footmm.structures.agent_tracks import BALL

NUM_TEAMS = 3
"""Home, away, and the ball, see :mod:`footmm.structures.agent_tracks`."""

#: Metres, metres a second and metres a second squared that become one in the network.
POSITION_SCALE = (52.5, 34.0)
VELOCITY_SCALE = 5.0
ACCELERATION_SCALE = 3.0
BALL_DISTANCE_SCALE = 20.0


class Tracks(NamedTuple):
    """A batch of windows.

    Attributes:
        positions: ``(B, T, A, 2)``, metres, world frame, the home team attacking to the right.
        present: ``(B, T, A)`` bool.
        team: ``(B, A)``, see :mod:`footmm.structures.agent_tracks`.
        goalkeeper: ``(B, A)`` bool.
    """

    positions: Tensor
    present: Tensor
    team: Tensor
    goalkeeper: Tensor

    def frames(self, first: int, last: int) -> Tracks:
        """The frames from ``first`` up to, but not including ``last``."""
        return self._replace(
            positions=self.positions[:, first:last], present=self.present[:, first:last]
        )


def velocities(tracks: Tracks, rate: float) -> tuple[Tensor, Tensor]:
    """Mean velocities since the frame before.

    Args:
        tracks: A batch of windows.
        rate: Frames a second.

    Returns:
        ``(B, T, A, 2)``, metres a second, 0 where not known, and ``(B, T, A)`` bool, whether it is
        known: the agent is present, and was so in the frame before.
    """
    return _change(tracks.positions, tracks.present, rate)


def _change(values: Tensor, known: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Change a second since the frame before, 0 where a value is not known, and where both are."""
    both = F.pad(known[:, 1:] & known[:, :-1], (0, 0, 1, 0))
    steps = F.pad(values.diff(dim=1), (0, 0, 0, 0, 1, 0))
    return steps * both[..., None] * rate, both


class TrajectoryEmbedding(nn.Module):
    """Makes a token of every agent in every frame.

    A token knows where its agent is, how it moves, where the ball is seen from there, its team,
    whether it keeps the goal, and the frame's place in the window; not which of its team's players
    it is, so team-mates may come in any order.

    Args:
        embed_dims: Length of a token, d.
        max_frames: Highest number of frames.
        rate: Frames a second.
    """

    def __init__(self, embed_dims: int, max_frames: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.max_frames = max_frames
        self.motion = nn.Sequential(
            nn.Linear(11, embed_dims), nn.GELU(), nn.Linear(embed_dims, embed_dims)
        )
        self.team = nn.Embedding(NUM_TEAMS, embed_dims)
        self.goalkeeper = nn.Embedding(2, embed_dims)
        self.time = nn.Embedding(max_frames, embed_dims)
        #: In place of the motion of an agent that is not present, or that is to be guessed.
        self.hidden = nn.Parameter(torch.zeros(embed_dims))
        self.register_buffer("position_scale", torch.tensor(POSITION_SCALE), persistent=False)

    def forward(self, tracks: Tracks) -> Tensor:
        """Return the tokens ``(B, T, A, d)``.

        Raises:
            ConfigError: The windows have more frames than ``max_frames``.
        """
        frames = tracks.positions.shape[1]
        if frames > self.max_frames:
            raise ConfigError(
                f"a window of {frames} frames is longer than the model's max_frames="
                f"{self.max_frames}; raise it in the config, or cut shorter windows"
            )
        motion = torch.where(
            tracks.present[..., None], self.motion(self._features(tracks)), self.hidden
        )
        agents = self.team(tracks.team) + self.goalkeeper(tracks.goalkeeper.long())
        return motion + agents[:, None] + self.time.weight[:frames, None]

    def _features(self, tracks: Tracks) -> Tensor:
        velocity, moving = velocities(tracks, self.rate)
        acceleration, steady = _change(velocity, moving, self.rate)
        from_ball, sees_ball = _from_ball(tracks)
        parts = (
            tracks.positions / self.position_scale,
            velocity / VELOCITY_SCALE,
            acceleration / ACCELERATION_SCALE,
            from_ball / BALL_DISTANCE_SCALE,
            moving[..., None],
            steady[..., None],
            sees_ball[..., None],
        )
        return torch.cat([part.to(tracks.positions.dtype) for part in parts], dim=-1)


def _from_ball(tracks: Tracks) -> tuple[Tensor, Tensor]:
    """Offsets from the ball, 0 where it is missing, and whether it is there, for every token."""
    is_ball = (tracks.team == BALL)[:, None] & tracks.present
    ball = (tracks.positions * is_ball[..., None]).sum(2, keepdim=True)
    seen = is_ball.any(2, keepdim=True) & tracks.present
    return (tracks.positions - ball) * seen[..., None], seen


class AttentionMasks(NamedTuple):
    """Who may look at whom: what is added to the attention's logits, 0 or minus infinity.

    Attributes:
        own: ``(B * A, 1, T, T)``, an agent at its own tokens.
        scene: ``(B, 1, T * A, T * A)``, at everybody's.
    """

    own: Tensor
    scene: Tensor


def attention_masks(visible: Tensor, causal: bool) -> AttentionMasks:
    """Masks of attention over agents and time.

    Args:
        visible: ``(B, T, A)`` bool, the tokens that may be looked at; every token sees itself.
        causal: Whether a token sees only frames up to its own.
    """
    batch, frames, agents = visible.shape
    order = torch.ones(frames, frames, dtype=torch.bool, device=visible.device)
    order = order.tril() if causal else order
    own = visible.transpose(1, 2).reshape(batch * agents, 1, 1, frames) & order
    scene_order = order.repeat_interleave(agents, 0).repeat_interleave(agents, 1)
    scene = visible.reshape(batch, 1, 1, frames * agents) & scene_order
    return AttentionMasks(_additive(own), _additive(scene))


def _additive(allowed: Tensor) -> Tensor:
    """Add a token's own place, and turn the mask into numbers: once, not in every layer."""
    itself = torch.eye(allowed.shape[-1], dtype=torch.bool, device=allowed.device)
    numbers = torch.zeros(allowed.shape, device=allowed.device)
    return numbers.masked_fill_(~(allowed | itself), -torch.inf)


class AgentTimeAttention(nn.Module):
    """Multi-head attention of which half of the heads follow one agent and half see the scene.

    The first half of a token's heads look at the same agent's tokens, the others at everybody's.
    That is how the network knows which tokens are of one agent without a name for him, so its
    output does not depend on the order of the agents.

    Args:
        embed_dims: Length of a token.
        num_heads: Even number of heads.

    Raises:
        ConfigError: The number of heads is odd, or does not divide the length of a token.
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if num_heads % 2 or embed_dims % num_heads:
            raise ConfigError(
                f"num_heads={num_heads} must be even and divide embed_dims={embed_dims}"
            )
        self.num_heads = num_heads
        self.query_key_value = nn.Linear(embed_dims, 3 * embed_dims)
        self.output = nn.Linear(embed_dims, embed_dims)

    def forward(self, tokens: Tensor, masks: AttentionMasks) -> Tensor:
        """Return ``(B, T, A, d)``, given tokens of that shape."""
        batch, frames, agents, dims = tokens.shape
        heads = self.num_heads // 2
        width = dims // self.num_heads
        parts = self.query_key_value(tokens).unflatten(-1, (3, 2, heads, width))
        # (3, B, A, heads, T, width) and (3, B, heads, T, A, width).
        own = parts[..., 0, :, :].permute(3, 0, 2, 4, 1, 5).flatten(1, 2)
        scene = parts[..., 1, :, :].permute(3, 0, 4, 1, 2, 5).flatten(3, 4)
        # Dropout of the weights would rule out PyTorch's fused kernels.
        own = F.scaled_dot_product_attention(*own, attn_mask=masks.own)
        scene = F.scaled_dot_product_attention(*scene, attn_mask=masks.scene)
        own = own.view(batch, agents, heads, frames, width).permute(0, 3, 1, 2, 4)
        scene = scene.view(batch, heads, frames, agents, width).permute(0, 2, 3, 1, 4)
        return self.output(torch.cat((own.flatten(3), scene.flatten(3)), dim=-1))


class TrajectoryEncoderLayer(nn.Module):
    """Attention, then a feed-forward network, each after a layer norm and beside a shortcut.

    Args:
        embed_dims: Length of a token.
        num_heads: Even number of heads.
        dropout: Share of what is dropped in training.
    """

    def __init__(self, embed_dims: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(embed_dims)
        self.attention = AgentTimeAttention(embed_dims, num_heads)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(embed_dims),
            nn.Linear(embed_dims, 4 * embed_dims),
            nn.GELU(),
            nn.Linear(4 * embed_dims, embed_dims),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, masks: AttentionMasks) -> Tensor:
        """Return ``(B, T, A, d)``, given tokens of that shape."""
        tokens = tokens + self.dropout(self.attention(self.attention_norm(tokens), masks))
        return tokens + self.dropout(self.feed_forward(tokens))


class TrajectoryTransformer(nn.Module):
    """Layers of attention over agents and time.

    Args:
        embed_dims: Length of a token.
        num_layers: Number of layers.
        num_heads: Even number of heads.
        dropout: Share of what is dropped in training.
        causal: Whether a token sees only frames up to its own.
    """

    def __init__(
        self,
        embed_dims: int = 128,
        num_layers: int = 6,
        num_heads: int = 8,
        dropout: float = 0.1,
        causal: bool = True,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.layers = nn.ModuleList(
            TrajectoryEncoderLayer(embed_dims, num_heads, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(embed_dims)

    def forward(self, tokens: Tensor, visible: Tensor) -> Tensor:
        """Let the tokens look at each other.

        Args:
            tokens: ``(B, T, A, d)``.
            visible: ``(B, T, A)`` bool, the tokens that may be looked at.

        Returns:
            ``(B, T, A, d)``.
        """
        masks = attention_masks(visible, self.causal)
        for layer in self.layers:
            tokens = layer(tokens, masks)
        return self.norm(tokens)
