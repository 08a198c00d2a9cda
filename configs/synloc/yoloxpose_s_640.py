# YOLOX-Pose s at 640 pixels: 300 epochs, the last 20 without mosaic.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/yoloxpose_s_synloc.py",
    "../_base_/datasets/synloc_640.py",
]

default_hooks = dict(checkpoint=dict(interval=10, save_best="synloc/mAP_locsim", rule="greater"))
auto_scale_lr = dict(base_batch_size=256)
