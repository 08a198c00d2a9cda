# DINO with ResNet50: attention to few points of four maps, queries that the encoder has chosen, and
# denoising.
num_queries = 100
num_levels = 4

_feed_forward = dict(embed_dims=256, feedforward_channels=2048, ffn_drop=0.0)
_deformable_attention = dict(embed_dims=256, num_levels=num_levels, dropout=0.0)

model = dict(
    type="DINO",
    num_queries=num_queries,
    num_feature_levels=num_levels,
    with_box_refine=True,
    as_two_stage=True,
    # Of COCO: its 80 classes give way to ours.
    init_cfg=dict(
        type="Pretrained",
        checkpoint="https://download.openmmlab.com/mmdetection/v3.0/dino/"
        "dino-4scale_r50_8xb2-12e_coco/"
        "dino-4scale_r50_8xb2-12e_coco_20221202_182705-55b2bba2.pth",
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
        out_indices=(1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type="BN", requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"),
    ),
    neck=dict(
        type="mmdet.ChannelMapper",
        in_channels=[512, 1024, 2048],
        kernel_size=1,
        out_channels=256,
        act_cfg=None,
        norm_cfg=dict(type="GN", num_groups=32),
        num_outs=num_levels,
    ),
    encoder=dict(
        num_layers=6,
        layer_cfg=dict(self_attn_cfg=_deformable_attention, ffn_cfg=_feed_forward),
    ),
    decoder=dict(
        num_layers=6,
        return_intermediate=True,
        layer_cfg=dict(
            self_attn_cfg=dict(embed_dims=256, num_heads=8, dropout=0.0),
            cross_attn_cfg=_deformable_attention,
            ffn_cfg=_feed_forward,
        ),
        post_norm_cfg=None,
    ),
    positional_encoding=dict(num_feats=128, normalize=True, offset=0.0, temperature=20),
    bbox_head=dict(
        type="DINOHead",
        matching_loss=dict(
            type="HungarianMatchingLoss",
            num_classes=3,
            class_loss="focal",
            class_cost=2.0,
            sync_background=True,
        ),
    ),
    dn_cfg=dict(
        label_noise_scale=0.5,
        box_noise_scale=1.0,
        group_cfg=dict(dynamic=True, num_groups=None, num_dn_queries=100),
    ),
    test_cfg=dict(max_per_img=num_queries),
)

visualizer = dict(
    type="DetectionVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
