# ResNet50 and 29 keypoints at a quarter of 960 x 544: 100 epochs in batches of 16.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/resnet50_homography.py",
    "../_base_/datasets/soccernet_calibration.py",
    "../_base_/schedules/adamw_multistep_100e.py",
]

model = dict(head=dict(keypoint_set=_base_.keypoint_set, decoder=_base_.codec))

default_hooks = dict(checkpoint=dict(save_best="homography/final_score@5", rule="greater"))
auto_scale_lr = dict(base_batch_size=16)
