_base_ = ["yoloxpose_s_synloc.py"]

_widen_factor = 0.75
_deepen_factor = 0.67

model = dict(
    backbone=dict(
        widen_factor=_widen_factor,
        deepen_factor=_deepen_factor,
        init_cfg=dict(
            checkpoint="https://download.openmmlab.com/mmpose/v1/pretrained_models/"
            "yolox_m_8x8_300e_coco_20230829.pth"
        ),
    ),
    neck=dict(in_channels=[192, 384, 768], out_channels=192, num_csp_blocks=2),
    head=dict(head_module_cfg=dict(widen_factor=_widen_factor)),
)
