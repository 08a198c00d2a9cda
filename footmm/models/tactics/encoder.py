"""What nodes of a graph learn from each other, and agents from their own past and future."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv

from footmm.errors import ConfigError
from footmm.registry import MODELS


class GATv2Layer(nn.Module):
    """Attention to the neighbours, then a feed-forward network, each beside a shortcut.

    Args:
        embed_dims: Length of a node's vector.
        num_heads: Heads.
        edge_dims: Length of an edge's vector.
        dropout: Share of what is dropped in training.
    """

    def __init__(self, embed_dims: int, num_heads: int, edge_dims: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dims)
        # The shortcut is the node's own voice: loops would need features of edges to itself.
        self.attention = GATv2Conv(
            embed_dims,
            embed_dims // num_heads,
            heads=num_heads,
            edge_dim=edge_dims,
            add_self_loops=False,
        )
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(embed_dims),
            nn.Linear(embed_dims, 2 * embed_dims),
            nn.GELU(),
            nn.Linear(2 * embed_dims, embed_dims),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, nodes: Tensor, edges: Tensor, edge_features: Tensor) -> Tensor:
        """Return vectors ``(N, d)``, given those of the nodes.

        Args:
            nodes: ``(N, d)``.
            edges: ``(2, E)`` int64, senders and receivers.
            edge_features: ``(E, C)``.
        """
        heard = self.attention(self.norm(nodes), edges, edge_features)
        nodes = nodes + self.dropout(heard)
        return nodes + self.dropout(self.feed_forward(nodes))

    def weights(self, nodes: Tensor, edges: Tensor, edge_features: Tensor) -> Tensor:
        """Return how much each edge counts, ``(E, heads)``; those to a node add up to 1.

        Args:
            nodes: As in :meth:`forward`.
            edges: As in :meth:`forward`.
            edge_features: As in :meth:`forward`.
        """
        result = self.attention(
            self.norm(nodes), edges, edge_features, return_attention_weights=True
        )
        return result[1][1]


class EncodedNodes(NamedTuple):
    """What the graph's layers return.

    Attributes:
        nodes: ``(N, d)``.
        attention: ``(E,)``, weights of the edges in the last layer, mean of its heads; those of the
            edges to a node add up to 1. None unless asked for.
    """

    nodes: Tensor
    attention: Tensor | None


@MODELS.register_module()
class GATv2Encoder(nn.Module):
    """Graph attention layers (GATv2; Brody et al., arXiv:2105.14491) over players and ball.

    Args:
        in_dims: Features of a node.
        edge_dims: Features of an edge.
        embed_dims: Length of a node's vector, d.
        num_layers: Layers.
        num_heads: Heads of a layer.
        dropout: Share of what is dropped in training.

    Raises:
        ConfigError: The number of heads does not divide the length of a vector.
    """

    def __init__(
        self,
        in_dims: int,
        edge_dims: int,
        embed_dims: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ConfigError(f"num_heads={num_heads} must divide embed_dims={embed_dims}")
        self.embedding = nn.Sequential(
            nn.Linear(in_dims, embed_dims), nn.GELU(), nn.Linear(embed_dims, embed_dims)
        )
        self.layers = nn.ModuleList(
            GATv2Layer(embed_dims, num_heads, edge_dims, dropout) for _ in range(num_layers)
        )

    def forward(
        self, features: Tensor, edges: Tensor, edge_features: Tensor, with_attention: bool = False
    ) -> EncodedNodes:
        """Encode the nodes.

        Args:
            features: ``(N, in_dims)``.
            edges: ``(2, E)``, senders and receivers.
            edge_features: ``(E, edge_dims)``.
            with_attention: Whether to return the weights of the last layer's edges.
        """
        nodes = self.embedding(features)
        for layer in self.layers[:-1]:
            nodes = layer(nodes, edges, edge_features)
        last = self.layers[-1]
        attention = last.weights(nodes, edges, edge_features).mean(1) if with_attention else None
        return EncodedNodes(last(nodes, edges, edge_features), attention)


@MODELS.register_module()
class AgentBiLSTM(nn.Module):
    """Reads the vectors of each agent over time, in both directions.

    Args:
        embed_dims: Length of a vector, d; even.
        num_layers: Layers.
        dropout: Share of what is dropped in training between layers.

    Raises:
        ConfigError: The length of a vector is odd.
    """

    def __init__(self, embed_dims: int = 128, num_layers: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        if embed_dims % 2:
            raise ConfigError(f"embed_dims={embed_dims} must be even: half for each direction")
        self.lstm = nn.LSTM(
            embed_dims,
            embed_dims // 2,
            num_layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.norm = nn.LayerNorm(embed_dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(B, T, A, d)``, given tokens of that shape."""
        batch, frames, agents, dims = tokens.shape
        sequences = tokens.transpose(1, 2).reshape(batch * agents, frames, dims)
        read = self.lstm(sequences)[0].view(batch, agents, frames, dims).transpose(1, 2)
        return self.norm(tokens + read)
