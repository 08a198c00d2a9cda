# OSNet x1.0 on SoccerNet-ReID: batches of one action, triplet and identity loss.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/osnet_reid.py",
    "../_base_/datasets/soccernet_reid.py",
    "../_base_/schedules/adam_cosine_120e.py",
]

# Identities of the training data; too small a number stops at once and names the right one.
num_identities = 150_000

model = dict(appearance_head=dict(num_classes=num_identities))

default_hooks = dict(checkpoint=dict(save_best="reid/mAP", rule="greater"))
auto_scale_lr = dict(base_batch_size=64)
