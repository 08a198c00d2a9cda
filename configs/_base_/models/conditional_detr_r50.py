# Conditional DETR with ResNet50: queries that know where to look, so it learns in a third of the
# epochs.
_base_ = ["detr_r50.py"]

num_queries = 100

_self_attention = dict(embed_dims=256, num_heads=8, attn_drop=0.1, cross_attn=False)
_cross_attention = dict(embed_dims=256, num_heads=8, attn_drop=0.1, cross_attn=True)

model = dict(
    type="ConditionalDETR",
    num_queries=num_queries,
    init_cfg=dict(
        checkpoint="https://download.openmmlab.com/mmdetection/v3.0/conditional_detr/"
        "conditional-detr_r50_8xb2-50e_coco/"
        "conditional-detr_r50_8xb2-50e_coco_20221121_180202-c83a1dc0.pth",
    ),
    decoder=dict(
        layer_cfg=dict(
            self_attn_cfg=dict(_delete_=True, **_self_attention),
            cross_attn_cfg=dict(_delete_=True, **_cross_attention),
        )
    ),
    bbox_head=dict(
        type="ConditionalDETRHead",
        matching_loss=dict(class_loss="focal", class_weight=2.0),
    ),
    test_cfg=dict(max_per_img=num_queries),
)
