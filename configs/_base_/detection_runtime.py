_base_ = './default_runtime.py'

default_hooks = dict(
    checkpoint=dict(save_best='coco/bbox_mAP_50', rule='greater'), visualization=dict(score_thr=0.3)
)
visualizer = dict(type='mmdet.DetLocalVisualizer')
custom_hooks = [
    dict(type='mmdet.NumClassCheckHook'),
    dict(type='SeedHook'),
    dict(type='InvalidLossHook'),
    dict(type='RankWatchHook'),
    dict(type='SyncBuffersHook'),
]
