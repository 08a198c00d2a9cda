# DETR with ResNet50 and 50 queries, from COCO, 300 epochs on SoccerNet's tracking frames. The
# gradients of four batches of 8 are added up.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/detr_r50.py",
    "../_base_/datasets/soccernet_tracking.py",
    "../_base_/schedules/adamw_multistep_300e.py",
]
