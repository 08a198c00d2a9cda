# HRNet-w48, 57 keypoints and the ends of 23 straight lines: the strongest, at four times the
# time of ResNet50.
_base_ = ["resnet50_kp57_lines.py"]

# All four resolutions are joined, as in the published pitch detectors on HRNet (HRNetV2).
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmpose.HRNet",
        extra=dict(
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block="BOTTLENECK",
                num_blocks=(4,),
                num_channels=(64,),
            ),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block="BASIC",
                num_blocks=(4, 4),
                num_channels=(48, 96),
            ),
            stage3=dict(
                num_modules=4,
                num_branches=3,
                block="BASIC",
                num_blocks=(4, 4, 4),
                num_channels=(48, 96, 192),
            ),
            stage4=dict(
                num_modules=3,
                num_branches=4,
                block="BASIC",
                num_blocks=(4, 4, 4, 4),
                num_channels=(48, 96, 192, 384),
                multiscale_output=True,
            ),
        ),
        init_cfg=dict(
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmpose/pretrain_models/"
            "hrnet_w48-8ef0771d.pth",
        ),
    ),
    neck=dict(type="mmpose.FeatureMapProcessor", concat=True),
    head=dict(
        in_channels=48 + 96 + 192 + 384,
        deconv_out_channels=None,
        deconv_kernel_sizes=None,
        conv_out_channels=(256,),
        conv_kernel_sizes=(1,),
    ),
)
