# Baller2Vec on ten matches of the Australian A-League 2024/25,
# https://github.com/SkillCorner/opendata: broadcast tracking, 14 of 22 players seen on average.
_base_ = ["baller2vec.py"]

data_root = "data/skillcorner/data/matches"
provider = "skillcorner"
match_files = dict(
    meta_data="{match}/{match}_match.json",
    raw_data="{match}/{match}_tracking_extrapolated.jsonl",
)
train_matches = [
    "1886347",
    "1899585",
    "1925299",
    "1953632",
    "1996435",
    "2006229",
    "2011166",
    "2013725",
]
val_matches = ["2015213"]
test_matches = ["2017461"]
stride = 5

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
