embed_dims = 128
num_layers = 6
num_heads = 8
num_modes = 1

model = dict(
    type="Baller2Vec",
    num_observed=10,
    rate=6.25,
    embed_dims=embed_dims,
    encoder=dict(num_layers=num_layers, num_heads=num_heads, dropout=0.1, causal=True),
    forecast_head=dict(
        type="ForecastHead",
        num_frames=30,
        rate=6.25,
        num_modes=num_modes,
        loss=dict(type="TrajectoryLoss", ade_weight=1.0, fde_weight=0.1, nll_weight=0.1),
    ),
    reconstruction_head=dict(type="ReconstructionHead", num_heads=num_heads),
    contrastive_head=dict(
        type="ContrastiveHead", loss=dict(type="ContrastiveLoss", temperature=0.1)
    ),
    data_preprocessor=dict(
        type="TrajectoryDataPreprocessor", mirror_prob=0.5, swap_prob=0.5, drop_share=0.1
    ),
)

visualizer = dict(
    type="TrajectoryVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
