# REACT++ with CCE and Scorer over RTMDet-tiny: everything is read at the centres of boxes,
# for parsing in real time. A config adds its data, and the weights of the detector.
_base_ = [
    './detectors/rtmdet_tiny.py',
    './schedules/sgd_plateau.py',
    './default_runtime.py',
]

model = dict(
    type='SceneGraphParser',
    test_tasks=('sgcls',),
    detection_cfg=dict(max_per_image=64),
    relation_head=dict(
        type='REACTHead',
        in_channels=[96, 96, 96],
        strides=[8, 16, 32],
        pair_sampler=dict(type='PairSampler', num=512, positive_fraction=0.35),
        loss_relation=dict(type='CCELoss', margin=1.0, loss_weight=100.0),
        scorer=dict(type='Scorer'),
    ),
)

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-4, weight_decay=0.05),
    paramwise_cfg=dict(_delete_=True),
    clip_grad=dict(max_norm=1),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=2),
    dict(type='CosineAnnealingLR', begin=2, end=20, T_max=18, eta_min=5e-7),
]
