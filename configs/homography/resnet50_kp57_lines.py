# ResNet50, 57 keypoints and the ends of 23 straight lines: the camera is solved from both.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/resnet50_homography.py",
    "../_base_/datasets/soccernet_calibration_kp57_lines.py",
    "../_base_/schedules/adamw_multistep_100e.py",
]

model = dict(
    head=dict(
        keypoint_set=_base_.keypoint_set,
        loss_line=dict(type="KeypointHeatmapLoss"),
        decoder=_base_.codec,
    ),
)

default_hooks = dict(checkpoint=dict(save_best="homography/final_score@5", rule="greater"))
auto_scale_lr = dict(base_batch_size=16)
