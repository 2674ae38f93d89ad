_base_ = './default_runtime.py'

default_hooks = dict(
    checkpoint=dict(save_best='coco/bbox_mAP_50', rule='greater'))
custom_hooks = [
    dict(type='EpochSeedHook'),
    dict(type='InvalidLossHook'),
    dict(type='SyncBuffersHook')
]
