# The small Baller2Vec on 17 minutes of Bayern - Dortmund, 9 November 2019, of SkillCorner's open
# data of 2020: trained on the first 70 %, tested on the last 30 %.
_base_ = ["baller2vec_synthetic.py"]

data_root = "data/skillcorner_2020"
provider = "skillcorner"
match_files = dict(
    meta_data="match_data_{match}.json",
    raw_data="structured_data_{match}_first_half_part1.json",
)
train_matches = ["2417"]
test_matches = ["2417"]
train_part = (0.0, 0.7)
test_part = (0.7, 1.0)
stride = 1
max_epochs = 12
warmup_epochs = 1
learning_rate = 1e-3

_tracking = dict(
    type="TrackingDataset",
    data_root=data_root,
    provider=provider,
    files=match_files,
    rate=_base_.rate,
    num_frames=_base_.num_frames,
    num_observed=_base_.num_observed,
    pipeline=_base_.test_pipeline,
)
_held_out = dict(_tracking, matches=test_matches, part=test_part, stride=1, test_mode=True)
train_dataloader = dict(
    sampler=dict(_delete_=True, type="DefaultSampler", shuffle=True),
    dataset=dict(
        _delete_=True,
        type="SyntheticFallback",
        real=dict(_tracking, matches=train_matches, part=train_part, stride=stride),
        synthetic=_base_.train_dataloader.dataset,
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="SyntheticFallback",
        real=_held_out,
        synthetic=_base_.val_dataloader.dataset,
    ),
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="SyntheticFallback",
        real=_held_out,
        synthetic=_base_.test_dataloader.dataset,
    ),
)
# Nobody has labelled the teams' strategies.
val_evaluator = _base_.val_evaluator[:-1]
test_evaluator = val_evaluator

model = dict(
    encoder=dict(dropout=0.1),
    data_preprocessor=dict(drop_share=0.2),
)
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=learning_rate))
param_scheduler = [
    dict(
        type="LinearLR", start_factor=0.01, begin=0, end=warmup_epochs, convert_to_iter_based=True
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=0.01,
        begin=warmup_epochs,
        end=max_epochs,
        T_max=max_epochs - warmup_epochs,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(pictures=dict(interval=max_epochs, max_samples=256))
