"""What is read off the tokens: futures, hidden positions, and vectors of windows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.models.common.gather import gather_batch
from footmm.models.losses.reduction import weighted_mean
from footmm.models.losses.trajectory import safe_norm
from footmm.models.trajectory.encoder import (
    POSITION_SCALE,
    Tracks,
    TrajectoryTransformer,
    velocities,
)
from footmm.models.trajectory.views import hide
from footmm.registry import MODELS
from footmm.structures.agent_tracks import AWAY, BALL, HOME

#: Metres a second by which a path differs from standing still where the network says one.
SPEED_SCALE = 3.0


class Forecast(NamedTuple):
    """``K`` futures of ``F`` frames, as seen from ``S`` frames of a window.

    Attributes:
        means: ``(B, S, K, A, F, 2)``, metres, world frame.
        log_scales: ``(B, S, K, A, F, 2)``, logarithms of the standard deviations in metres.
        logits: ``(B, S, K)``, of the futures' probabilities.
    """

    means: Tensor
    log_scales: Tensor
    logits: Tensor


@MODELS.register_module()
class ForecastHead(nn.Module):
    """Predicts from each token where its agent goes, as Gaussians in ``K`` futures of the scene.

    Args:
        embed_dims: Length of a token.
        num_frames: Frames to predict, F.
        rate: Frames a second.
        num_modes: Futures, K.
        min_observed: Frames from which on futures are trained.
        near_s: Frames of a future weigh as ``1 / (seconds ahead + near_s)``: errors grow with time,
            and the near future would hardly count.
        loss: Config of the loss of paths.
        score_weight: Factor on the cross-entropy of the futures' probabilities.
    """

    def __init__(
        self,
        embed_dims: int,
        num_frames: int,
        rate: float,
        num_modes: int = 1,
        min_observed: int = 3,
        near_s: float = 0.5,
        loss: dict | None = None,
        score_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_frames = num_frames
        self.rate = rate
        self.num_modes = num_modes
        self.min_observed = min_observed
        self.score_weight = score_weight
        self.loss_module = MODELS.build(loss or dict(type="TrajectoryLoss"))
        self.modes = nn.Parameter(
            torch.randn(num_modes, embed_dims) if num_modes > 1 else torch.zeros(1, embed_dims)
        )
        self.path = nn.Sequential(
            nn.Linear(embed_dims, 2 * embed_dims),
            nn.GELU(),
            nn.Linear(2 * embed_dims, num_frames * 4),
        )
        # Whether a single future is probable is never asked, and distributed training stops at
        # trained parameters without a gradient.
        self.score = nn.Linear(embed_dims, 1).requires_grad_(num_modes > 1)
        #: Metres a second that last, of each metre a second now; differs by time ahead.
        self.persistence = nn.Parameter(torch.full((num_frames, 1), 0.8))
        nn.init.normal_(self.path[-1].weight, std=0.01)
        nn.init.zeros_(self.path[-1].bias)
        seconds = torch.arange(1, num_frames + 1) / rate
        self.register_buffer("seconds", seconds[:, None], persistent=False)
        weights = 1 / (seconds + near_s)
        self.register_buffer("frame_weights", weights / weights.mean(), persistent=False)

    def forward(self, tokens: Tensor, now: Tracks, velocity: Tensor) -> Forecast:
        """Predict the futures.

        Args:
            tokens: ``(B, S, A, d)``.
            now: The tracks in these frames.
            velocity: ``(B, S, A, 2)``, metres a second, 0 where not known.
        """
        tokens = tokens[:, :, None] + self.modes[:, None]
        path = self.path(tokens).float().unflatten(-1, (self.num_frames, 4))
        offset, log_scale = path.split(2, dim=-1)
        speed = self.persistence * velocity[..., None, :]
        means = now.positions[..., None, :] + self.seconds * speed
        means = means[:, :, None] + SPEED_SCALE * self.seconds * offset
        log_scales = log_scale.clamp(-6.0, 4.0) + self.seconds.log()
        share = now.present / now.present.sum(-1, keepdim=True).clamp(min=1)
        scene = (tokens * share[:, :, None, :, None]).sum(3)
        return Forecast(means, log_scales, self.score(scene).squeeze(-1).float())

    def predict(self, tokens: Tensor, tracks: Tracks) -> Forecast:
        """Predict the futures after the last frame.

        Args:
            tokens: ``(B, T, A, d)``.
            tracks: The observed frames.

        Returns:
            Futures as seen from one frame, S = 1.
        """
        velocity = velocities(tracks, self.rate)[0]
        frames = tracks.positions.shape[1]
        return self(tokens[:, -1:], tracks.frames(frames - 1, frames), velocity[:, -1:])

    def loss(self, tokens: Tensor, tracks: Tracks, dense: bool) -> dict[str, Tensor]:
        """Losses of the futures.

        Args:
            tokens: ``(B, S, A, d)``, of the first S frames.
            tracks: The window; frames after the tokens' last are the future.
            dense: Whether the tokens of every frame have not seen what comes after it, so that all
                of them from ``min_observed`` on are trained, not just those of the last.

        Returns:
            ``loss_forecast``, and ``loss_mode`` where there are several futures; scalars.
        """
        observed = tokens.shape[1]
        first = min(self.min_observed, observed) - 1 if dense else observed - 1
        steps = range(first, observed)
        now = tracks.frames(steps.start, steps.stop)
        target, known = _futures(tracks, steps, self.num_frames)
        known = known & now.present[..., None]
        velocity = velocities(tracks, self.rate)[0][:, steps.start : steps.stop]
        forecast = self(tokens[:, first:], now, velocity)
        best = _best_mode(forecast, target, known)
        losses = {"loss_forecast": self._path_loss(forecast, best, target, known)}
        if self.num_modes > 1:
            losses["loss_mode"] = self._mode_loss(forecast, best, known)
        return losses

    def _mode_loss(self, forecast: Forecast, best: Tensor, known: Tensor) -> Tensor:
        """Cross-entropy of the futures' probabilities, where anything of the future is known."""
        logits = forecast.logits.flatten(0, 1)
        entropy = F.cross_entropy(logits, best.flatten(), reduction="none")
        weight = known.flatten(2).any(-1).flatten()
        return self.score_weight * weighted_mean(entropy, weight)

    def _path_loss(self, forecast: Forecast, best: Tensor, target: Tensor, known: Tensor) -> Tensor:
        pred = torch.cat((forecast.means, forecast.log_scales), dim=-1)
        index = best[:, :, None, None, None, None].expand(-1, -1, 1, *pred.shape[3:])
        pred = pred.gather(2, index).squeeze(2)
        weight = (known * self.frame_weights).flatten(0, 2)
        return self.loss_module(pred.flatten(0, 2), target.flatten(0, 2), weight)


def _futures(tracks: Tracks, steps: range, num_frames: int) -> tuple[Tensor, Tensor]:
    """The ``F`` frames after each of the steps, (B, S, A, F, 2), and whether they are known."""
    missing = steps.stop + num_frames - tracks.positions.shape[1]
    padding = max(missing, 0)
    positions = F.pad(tracks.positions, (0, 0, 0, 0, 0, padding))
    present = F.pad(tracks.present, (0, 0, 0, padding))
    last = steps.stop + num_frames
    positions = positions[:, steps.start + 1 : last].unfold(1, num_frames, 1)
    present = present[:, steps.start + 1 : last].unfold(1, num_frames, 1)
    return positions.transpose(-1, -2), present


def _best_mode(forecast: Forecast, target: Tensor, known: Tensor) -> Tensor:
    """The future nearest to what the whole scene did, (B, S)."""
    if forecast.means.shape[2] == 1:
        return forecast.logits.new_zeros(forecast.logits.shape[:2], dtype=torch.long)
    with torch.no_grad():
        error = safe_norm(forecast.means - target[:, :, None]) * known[:, :, None]
        return error.sum((-1, -2)).argmin(-1)


@MODELS.register_module()
class ReconstructionHead(nn.Module):
    """Guesses the positions of agents that were hidden from the encoder.

    A small transformer over the encoder's tokens, which sees all frames, and a linear layer.

    Args:
        embed_dims: Length of a token.
        num_layers: Layers of the decoder.
        num_heads: Heads of the decoder.
        hidden_share: Share of the agents that is hidden.
        hidden_frames: For how many frames in a row an agent is hidden.
        loss_weight: Factor on the loss.
    """

    def __init__(
        self,
        embed_dims: int,
        num_layers: int = 2,
        num_heads: int = 8,
        hidden_share: float = 0.3,
        hidden_frames: int = 6,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.hidden_share = hidden_share
        self.hidden_frames = hidden_frames
        self.loss_weight = loss_weight
        self.decoder = TrajectoryTransformer(
            embed_dims, num_layers, num_heads, dropout=0.0, causal=False
        )
        self.position = nn.Linear(embed_dims, 2)
        self.register_buffer("position_scale", torch.tensor(POSITION_SCALE), persistent=False)

    def hide(self, tracks: Tracks) -> tuple[Tracks, Tensor]:
        """Hide some agents for some frames.

        Returns:
            The tracks without them, and ``(B, T, A)`` bool, what was hidden.
        """
        batch, frames, agents = tracks.present.shape
        device = tracks.present.device
        chosen = torch.rand(batch, 1, agents, device=device) < self.hidden_share
        span = min(self.hidden_frames, frames)
        start = torch.randint(0, frames - span + 1, (batch, 1, agents), device=device)
        frame = torch.arange(frames, device=device)[:, None]
        hidden = chosen & (frame >= start) & (frame < start + span) & tracks.present
        return hide(tracks, hidden), hidden

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Return positions ``(B, T, A, 2)``, metres, world frame, given tokens (B, T, A, d)."""
        return self.position(self.decoder(tokens, present)).float() * self.position_scale

    def loss(self, tokens: Tensor, tracks: Tracks, hidden: Tensor) -> dict[str, Tensor]:
        """``loss_reconstruction``, scalar: mean distance to the hidden positions in tens of metres.

        Args:
            tokens: ``(B, T, A, d)``, of the tracks without the hidden positions.
            tracks: The tracks with them.
            hidden: ``(B, T, A)`` bool.
        """
        guess = self(tokens, tracks.present & ~hidden)
        distance = safe_norm(guess - tracks.positions) / 10.0
        loss = (distance * hidden).sum() / hidden.sum().clamp(min=1)
        return {"loss_reconstruction": self.loss_weight * loss}


class Embeddings(NamedTuple):
    """Vectors of a batch of windows.

    Attributes:
        agents: ``(B, A, d)``; of an agent that is never present, zero.
        frames: ``(B, T, 3 d)``.
        window: ``(B, 3 d)``.
    """

    agents: Tensor
    frames: Tensor
    window: Tensor


class ScenePooling(nn.Module):
    """Makes vectors of agents, frames and windows out of tokens.

    A frame's vector is that of the home team, of the away team and of the ball, one after the
    other, each the mean of their tokens; a window's is the mean of its frames', an agent's the mean
    of his tokens.
    """

    def forward(self, tokens: Tensor, tracks: Tracks) -> Embeddings:
        """Pool tokens ``(B, T, A, d)`` of the tracks' frames."""
        weight = tracks.present.to(tokens.dtype)
        agents = _mean(tokens, weight[..., None], dim=1)
        members = [weight * (tracks.team == team)[:, None] for team in (HOME, AWAY, BALL)]
        teams = [_mean(tokens, member[..., None], dim=2) for member in members]
        frames = torch.cat(teams, dim=-1)
        return Embeddings(agents, frames, frames.mean(1))


def _mean(tokens: Tensor, weight: Tensor, dim: int) -> Tensor:
    return (tokens * weight).sum(dim) / weight.sum(dim).clamp(min=1)


@MODELS.register_module()
class ContrastiveHead(nn.Module):
    """Tells two views of a window from those of all other windows of the batch (InfoNCE).

    Args:
        embed_dims: Length of a token, d.
        loss: Config of the loss of vectors.
    """

    def __init__(self, embed_dims: int, loss: dict) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.Linear(3 * embed_dims, embed_dims), nn.GELU(), nn.Linear(embed_dims, embed_dims)
        )
        self.loss_module = MODELS.build(loss)

    def loss(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """``loss_contrastive``, scalar, of the vectors of the windows' two views.

        The windows of all processes are told from each other.

        Args:
            first: ``(B, 3 * d)``.
            second: ``(B, 3 * d)``.
        """
        views = gather_batch(self.project(first), self.project(second))
        window = torch.arange(len(views[0]), device=first.device).repeat(2)
        return {"loss_contrastive": self.loss_module(torch.cat(views), window)}
