_base_ = ["yoloxpose_s_synloc.py"]

_widen_factor = 0.375

model = dict(
    backbone=dict(
        widen_factor=_widen_factor,
        init_cfg=dict(
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/yolox/"
            "yolox_tiny_8x8_300e_coco/yolox_tiny_8x8_300e_coco_20211124_171234-b4047906.pth"
        ),
    ),
    neck=dict(in_channels=[96, 192, 384], out_channels=96),
    head=dict(head_module_cfg=dict(widen_factor=_widen_factor)),
)
