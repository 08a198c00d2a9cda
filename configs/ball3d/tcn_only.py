# Ball3DTracker from 2D tracks alone: no images.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/ball3d_tcn.py",
    "../_base_/datasets/soccernet_ball.py",
    "../_base_/schedules/adamw_cosine_150e.py",
]

# The windows' length and rate are at the head of the dataset.
model = dict(rate=_base_.rate, head=dict(num_future=_base_.num_future))

default_hooks = dict(
    checkpoint=dict(save_best="ball3d/error_median", rule="less"),
    pictures=dict(interval=10, max_samples=256),
)
auto_scale_lr = dict(base_batch_size=32)
