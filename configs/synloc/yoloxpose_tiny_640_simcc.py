# YOLOX-Pose tiny at 640 pixels with keypoints in bins.
_base_ = ["yoloxpose_tiny_640.py"]

model = dict(head=dict(type="SimCCYOLOXPoseHead", loss_kpt_aux=None))
