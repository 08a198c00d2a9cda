# detr_r50.py in mixed precision, bfloat16: half the memory on GPUs that have it. On older GPUs use
# detr_r50.py with --amp.
_base_ = ["detr_r50.py"]

optim_wrapper = dict(type="BFloat16OptimWrapper")
