default_scope = "footmm"

default_hooks = dict(
    runtime_info=dict(type="RuntimeInfoHook"),
    timer=dict(type="IterTimerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    # Random numbers depend on (seed, epoch) alone, so a resumed run goes on as if never stopped.
    epoch_seed=dict(type="EpochSeedHook"),
    # Every process has batch norms of its own; the checkpoint holds those of the first.
    sync_buffers=dict(type="SyncBuffersHook"),
    logger=dict(type="LoggerHook", interval=50),
    progress=dict(type="RichProgressHook"),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=3),
    non_finite_loss=dict(type="NonFiniteLossHook"),
    pictures=dict(type="ValidationPictureHook", interval=10),
    metrics_table=dict(type="MetricsTableHook"),
)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)

# For Weights & Biases add dict(type='WandbVisBackend', init_kwargs=dict(project='footmm')).
vis_backends = [dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")]

log_processor = dict(type="LogProcessor", window_size=50, by_epoch=True)
log_level = "INFO"
load_from = None
resume = False
randomness = dict(seed=0)
