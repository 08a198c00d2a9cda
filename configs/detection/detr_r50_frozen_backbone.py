# detr_r50.py with the backbone held still, for few frames or little memory: only the transformer
# and its head are trained.
_base_ = ["detr_r50.py"]

custom_hooks = [dict(type="FreezeBackboneHook", module="backbone")]
