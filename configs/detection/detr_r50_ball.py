# DETR as in detr_r50.py, and a branch that looks for the ball on a map of stride 4: plain DETR
# attends to a map on which the ball is a fraction of a pixel.
_base_ = ["detr_r50.py"]

model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    transformer_maps=1,
    center_neck=dict(
        type="FinestFeaturePyramid", in_channels=(256, 512, 1024, 2048), out_channels=64
    ),
    center_head=dict(type="CenterHeatmapHead", in_channels=64),
)
