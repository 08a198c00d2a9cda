embed_dims = 128
num_layers = 4
num_heads = 4

model = dict(
    type="TacticsGNN",
    encoder=dict(
        type="GATv2Encoder",
        # The features of nodes and edges in footmm.datasets.transforms.tactics_graph.
        in_dims=21,
        edge_dims=7,
        embed_dims=embed_dims,
        num_layers=num_layers,
        num_heads=num_heads,
        dropout=0.1,
    ),
    temporal=dict(type="AgentBiLSTM", embed_dims=embed_dims, num_layers=2, dropout=0.1),
    formation_head=dict(
        type="FormationHead", embed_dims=embed_dims, num_roles=14, num_formations=8
    ),
    role_head=dict(type="RoleHead", embed_dims=embed_dims, num_roles=14, num_formations=8),
    strategy_head=dict(type="StrategyHead", embed_dims=embed_dims, num_strategies=6),
    next_position_head=dict(
        type="NextPositionHead",
        embed_dims=embed_dims,
        num_frames=10,
        rate=5.0,
    ),
    loss=dict(type="TacticsLoss"),
    data_preprocessor=dict(type="TacticsDataPreprocessor"),
)

visualizer = dict(type="TacticsVisualizer")
