# YOLOX-Pose tiny at 1280 pixels with keypoints in bins.
_base_ = ["yoloxpose_tiny_1280.py"]

model = dict(head=dict(type="SimCCYOLOXPoseHead", loss_kpt_aux=None))
