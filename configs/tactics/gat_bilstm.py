# TacticsGNN on ten matches of the Australian A-League 2024/25, with the roles of the match sheets,
# https://github.com/SkillCorner/opendata: broadcast tracking, 14 of 22 players seen on average.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/gat_bilstm.py",
    "../_base_/datasets/skillcorner_tactics.py",
    "../_base_/schedules/adamw_cosine_150e.py",
]

model = dict(
    next_position_head=dict(
        num_frames=_base_.num_frames - _base_.num_observed,
        rate=_base_.rate,
    )
)

auto_scale_lr = dict(base_batch_size=32)
