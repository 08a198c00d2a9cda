# Baller2Vec on seven matches of the Bundesliga and the 2. Bundesliga 2022/23 (Bassek et al.,
# Scientific Data 2025), https://doi.org/10.6084/m9.figshare.28196177: all players in all frames.
_base_ = ["baller2vec.py"]

data_root = "data/sportec"
provider = "sportec"
match_files = dict(
    meta_data="DFL_02_01_matchinformation_{match}.xml",
    raw_data="DFL_04_03_positions_raw_observed_{match}.xml",
)
train_matches = [
    "DFL-COM-000001_DFL-MAT-J03WMX",
    "DFL-COM-000001_DFL-MAT-J03WN1",
    "DFL-COM-000002_DFL-MAT-J03WOH",
    "DFL-COM-000002_DFL-MAT-J03WOY",
    "DFL-COM-000002_DFL-MAT-J03WPY",
]
val_matches = ["DFL-COM-000002_DFL-MAT-J03WQQ"]
test_matches = ["DFL-COM-000002_DFL-MAT-J03WR9"]
stride = 10

# The real dataset of all three loaders; the base has the synthetic one that stands in for it.
_tracking = dict(
    _delete_=True,
    type="TrackingDataset",
    data_root=data_root,
    provider=provider,
    files=match_files,
    rate=_base_.rate,
    num_frames=_base_.num_frames,
    num_observed=_base_.num_observed,
    pipeline=_base_.test_pipeline,
)
train_dataloader = dict(
    dataset=dict(real=dict(_tracking, matches=train_matches, stride=stride)),
)
val_dataloader = dict(dataset=dict(real=dict(_tracking, matches=val_matches, test_mode=True)))
test_dataloader = dict(dataset=dict(real=dict(_tracking, matches=test_matches, test_mode=True)))
