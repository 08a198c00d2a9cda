"""Graph networks of tactics: formations, roles, strategies, and what comes next."""

from footmm.models.tactics.data_preprocessor import TacticsDataPreprocessor
from footmm.models.tactics.encoder import AgentBiLSTM, GATv2Encoder
from footmm.models.tactics.gnn import TacticsGNN
from footmm.models.tactics.heads import (
    FormationHead,
    NextPositionHead,
    RoleHead,
    StrategyHead,
)

__all__ = [
    "AgentBiLSTM",
    "FormationHead",
    "GATv2Encoder",
    "NextPositionHead",
    "RoleHead",
    "StrategyHead",
    "TacticsDataPreprocessor",
    "TacticsGNN",
]
