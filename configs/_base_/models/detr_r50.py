# DETR with ResNet50: 6 encoder and 6 decoder layers, 50 queries, 3 classes.
num_queries = 50

_attention = dict(embed_dims=256, num_heads=8, dropout=0.1, batch_first=True)
_feed_forward = dict(
    embed_dims=256,
    feedforward_channels=2048,
    num_fcs=2,
    ffn_drop=0.1,
    act_cfg=dict(type="ReLU", inplace=True),
)

model = dict(
    type="DETR",
    num_queries=num_queries,
    # Of COCO: its 80 classes give way to ours.
    init_cfg=dict(
        type="Pretrained",
        checkpoint="https://download.openmmlab.com/mmdetection/v3.0/detr/detr_r50_8xb2-150e_coco/"
        "detr_r50_8xb2-150e_coco_20221023_153551-436d03e8.pth",
    ),
    data_preprocessor=dict(
        type="mmdet.DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=1,
    ),
    backbone=dict(
        type="mmdet.ResNet",
        depth=50,
        out_indices=(3,),
        frozen_stages=1,
        norm_cfg=dict(type="BN", requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"),
    ),
    neck=dict(
        type="mmdet.ChannelMapper",
        in_channels=[2048],
        kernel_size=1,
        out_channels=256,
        act_cfg=None,
        norm_cfg=None,
        num_outs=1,
    ),
    encoder=dict(num_layers=6, layer_cfg=dict(self_attn_cfg=_attention, ffn_cfg=_feed_forward)),
    decoder=dict(
        num_layers=6,
        layer_cfg=dict(self_attn_cfg=_attention, cross_attn_cfg=_attention, ffn_cfg=_feed_forward),
        return_intermediate=True,
    ),
    positional_encoding=dict(num_feats=128, normalize=True),
    bbox_head=dict(
        type="DETRHead",
        embed_dims=256,
        matching_loss=dict(type="HungarianMatchingLoss", num_classes=3),
    ),
    test_cfg=dict(max_per_img=num_queries),
)

visualizer = dict(
    type="DetectionVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
