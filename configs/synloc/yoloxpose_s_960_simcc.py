# YOLOX-Pose s at 960 pixels with keypoints in bins.
_base_ = ["yoloxpose_s_960.py"]

model = dict(head=dict(type="SimCCYOLOXPoseHead", loss_kpt_aux=None))
