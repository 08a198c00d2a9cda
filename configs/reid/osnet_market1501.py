# OSNet x1.0 on Market-1501, or on any folder in its layout.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/osnet_reid.py",
    "../_base_/datasets/market1501.py",
    "../_base_/schedules/adam_cosine_120e.py",
]

default_hooks = dict(checkpoint=dict(save_best="reid/mAP", rule="greater"))
auto_scale_lr = dict(base_batch_size=64)
