_base_ = ["yoloxpose_s_synloc.py"]

_widen_factor = 1.0
_deepen_factor = 1.0

model = dict(
    backbone=dict(
        widen_factor=_widen_factor,
        deepen_factor=_deepen_factor,
        init_cfg=dict(
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/yolox/"
            "yolox_l_8x8_300e_coco/yolox_l_8x8_300e_coco_20211126_140236-d3bd2b23.pth"
        ),
    ),
    neck=dict(in_channels=[256, 512, 1024], out_channels=256, num_csp_blocks=3),
    head=dict(head_module_cfg=dict(widen_factor=_widen_factor)),
)
