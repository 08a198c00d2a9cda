_base_ = ["tactics_evaluation.py"]

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
batch_size = 32
num_workers = 2
num_frames = 101
num_observed = 91
rate = 5.0
stride = 10

_window = dict(num_frames=num_frames, num_observed=num_observed, rate=rate)
_tracks = dict(
    _window, type="TrackingDataset", provider=provider, files=match_files, data_root=data_root
)
_real = dict(
    type="TacticsDataset",
    sheets=dict(provider=provider, files=match_files),
    data_root=data_root,
)
_synthetic = dict(_window, type="SyntheticTacticsDataset")
_test = dict(pipeline=_base_.test_pipeline, test_mode=True)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    drop_last=True,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            _real,
            tracks=dict(_tracks, matches=train_matches, stride=stride),
            pipeline=_base_.train_pipeline,
        ),
        # All blocks are kept: the order is random.
        synthetic=dict(
            _synthetic,
            split="train",
            num_samples=9_600,
            cached_blocks=10,
            pipeline=_base_.train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(_real, **_test, tracks=dict(_tracks, matches=val_matches)),
        synthetic=dict(_synthetic, **_test, split="valid", num_samples=960),
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(_real, **_test, tracks=dict(_tracks, matches=test_matches)),
        synthetic=dict(_synthetic, **_test, split="test", num_samples=1_920),
    ),
)
