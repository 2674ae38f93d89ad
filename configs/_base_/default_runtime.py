default_scope = 'mmsgp'

default_hooks = dict(
    runtime_info=dict(type='ScalarsHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='SteadyLoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='ValidatedCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='sgcls/mR@100',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # draws when asked to, e.g. by --show-dir; scores of relations are small
    visualization=dict(type='VisualizationHook', score_thr=0),
)

custom_hooks = [
    dict(type='DatasetPriorsHook'),
    dict(type='SeedHook'),
    dict(type='InvalidLossHook'),
    dict(type='RankWatchHook'),
    # batch normalisation: the mean over processes is tested and saved
    dict(type='SyncBuffersHook'),
]

env_cfg = dict(
    # a GPU may round to TF32; 'highest': float32 throughout, several times slower
    float32_matmul='high',
    cudnn_benchmark=True,  # all images have one size
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # seconds that a process waits for another one
    dist_cfg=dict(backend='nccl', timeout=1800),
)
randomness = dict(seed=42, deterministic=False)

vis_backends = [dict(type='SteadyVisBackend')]
visualizer = dict(type='SceneGraphVisualizer', vis_backends=vis_backends)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)

log_level = 'INFO'
load_from = None
resume = False
