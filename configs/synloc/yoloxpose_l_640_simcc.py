# YOLOX-Pose l at 640 pixels with keypoints in bins.
_base_ = ["yoloxpose_l_640.py"]

model = dict(head=dict(type="SimCCYOLOXPoseHead", loss_kpt_aux=None))
