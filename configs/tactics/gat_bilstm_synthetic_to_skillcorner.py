# The small TacticsGNN of synthetic matches on 17 minutes of Bayern - Dortmund, 9 November 2019, of
# SkillCorner's open data of 2020: to be tested with the checkpoint of gat_bilstm_synthetic.py.
_base_ = ["gat_bilstm_synthetic.py"]

data_root = "data/skillcorner_2020"
provider = "skillcorner"
match_files = dict(
    meta_data="match_data_{match}.json",
    raw_data="structured_data_{match}_first_half_part1.json",
)
test_matches = ["2417"]
stride = 25

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="SyntheticFallback",
        real=dict(
            type="TacticsDataset",
            tracks=dict(
                type="TrackingDataset",
                data_root=data_root,
                provider=provider,
                files=match_files,
                matches=test_matches,
                rate=_base_.rate,
                num_frames=_base_.num_frames,
                num_observed=_base_.num_observed,
                stride=stride,
                # The picture is away for a replay or a close-up all the time.
                max_gap_s=3.0,
            ),
            sheets=dict(provider=provider, files=match_files),
            data_root=data_root,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=_base_.test_dataloader.dataset,
    ),
)
# One match: there is no other half to fit regressions to, and nobody has labelled strategies.
test_evaluator = [
    dict(type="FormationAccuracy", baselines=("most_frequent", "template_matching")),
    dict(type="RoleAccuracy", baselines=("most_frequent", "template_matching")),
    _base_.val_evaluator[-1],
]
