# YOLOX-Pose s with two keypoints. Other sizes change widen_factor, deepen_factor and what follows
# from them.
_widen_factor = 0.5
_deepen_factor = 0.33
_norm = dict(type="BN", momentum=0.03, eps=0.001)
_activation = dict(type="SiLU", inplace=True)
# As shares of the square root of an athlete's area; the assigner has to find athletes before it
# can be strict.
_sigmas = [0.05, 0.05]
_assigner_sigmas = [0.1, 0.1]

model = dict(
    type="AthleteLocaliser",
    init_cfg=dict(
        type="Kaiming",
        layer="Conv2d",
        a=5**0.5,
        distribution="uniform",
        mode="fan_in",
        nonlinearity="leaky_relu",
    ),
    data_preprocessor=dict(
        type="mmpose.PoseDataPreprocessor", pad_size_divisor=32, mean=[0, 0, 0], std=[1, 1, 1]
    ),
    backbone=dict(
        type="mmpose.CSPDarknet",
        deepen_factor=_deepen_factor,
        widen_factor=_widen_factor,
        out_indices=(2, 3, 4),
        spp_kernal_sizes=(5, 9, 13),
        norm_cfg=_norm,
        act_cfg=_activation,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/yolox/"
            "yolox_s_8x8_300e_coco/yolox_s_8x8_300e_coco_20211121_095711-4592a793.pth",
            prefix="backbone.",
        ),
    ),
    neck=dict(
        type="mmpose.YOLOXPAFPN",
        in_channels=[128, 256, 512],
        out_channels=128,
        num_csp_blocks=1,
        norm_cfg=_norm,
        act_cfg=_activation,
    ),
    head=dict(
        type="YOLOXPoseHead",
        num_keypoints=2,
        featmap_strides=(8, 16, 32),
        head_module_cfg=dict(
            num_classes=1,
            in_channels=256,
            feat_channels=256,
            widen_factor=_widen_factor,
            stacked_convs=2,
            norm_cfg=_norm,
            act_cfg=_activation,
        ),
        prior_generator=dict(type="mmpose.MlvlPointGenerator", offset=0.5, strides=[8, 16, 32]),
        assigner=dict(
            type="mmpose.SimOTAAssigner",
            dynamic_k_indicator="oks",
            iou_calculator=dict(type="mmpose.BBoxOverlaps2D"),
            oks_calculator=dict(type="KeypointSimilarity", sigmas=_assigner_sigmas),
        ),
        overlaps_power=0.5,
        loss_cls=dict(type="mmpose.BCELoss", reduction="sum", loss_weight=1.0),
        loss_obj=dict(
            type="mmpose.BCELoss", use_target_weight=True, reduction="sum", loss_weight=1.0
        ),
        loss_bbox=dict(
            type="mmpose.IoULoss", mode="square", eps=1e-16, reduction="sum", loss_weight=5.0
        ),
        loss_oks=dict(
            type="KeypointSimilarityLoss",
            sigmas=_sigmas,
            reduction="none",
            norm_target_weight=True,
            loss_weight=30.0,
        ),
        loss_vis=dict(
            type="mmpose.BCELoss", use_target_weight=True, reduction="mean", loss_weight=1.0
        ),
        loss_bbox_aux=dict(type="mmpose.L1Loss", reduction="mean", loss_weight=4.0),
        loss_kpt_aux=dict(
            type="mmpose.L1Loss", use_target_weight=True, reduction="mean", loss_weight=10.0
        ),
    ),
    test_cfg=dict(score_thr=0.01, nms_pre=1000, nms_thr=0.65, max_per_img=100),
)

visualizer = dict(
    type="SynLocVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
