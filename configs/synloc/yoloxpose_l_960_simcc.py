# YOLOX-Pose l at 960 pixels with keypoints in bins.
_base_ = ["yoloxpose_l_960.py"]

model = dict(head=dict(type="SimCCYOLOXPoseHead", loss_kpt_aux=None))
