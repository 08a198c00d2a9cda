# Baller2Vec on trajectories.npz of any provider, which tools/data/make_trajectories.py writes.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/baller2vec.py",
    "../_base_/datasets/trajectories.py",
    "../_base_/schedules/adamw_cosine_200e.py",
]

# The windows' length and rate are at the head of the dataset.
model = dict(
    num_observed=_base_.num_observed,
    rate=_base_.rate,
    forecast_head=dict(num_frames=_base_.num_frames - _base_.num_observed, rate=_base_.rate),
)

default_hooks = dict(
    checkpoint=dict(save_best="trajectory/ADE@2.0s", rule="less"),
    pictures=dict(max_samples=256),
)
auto_scale_lr = dict(base_batch_size=64)
