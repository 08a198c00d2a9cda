# Conditional DETR with ResNet50 and 100 queries, else as detr_r50.py.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/conditional_detr_r50.py",
    "../_base_/datasets/soccernet_tracking.py",
    "../_base_/schedules/adamw_multistep_300e.py",
]
