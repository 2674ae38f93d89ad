# REACT++ with cross-entropy on VG150, over the map of VGG16; rate, decay and limit of the
# gradient are the authors'.
_base_ = '_base_/vg_parser.py'

model = dict(
    relation_head=dict(
        _delete_=True,
        type='REACTHead',
        in_channels=[512],
        strides=[16],
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        pair_sampler=dict(type='PairSampler', num=512, positive_fraction=0.35),
        loss_relation=dict(type='mmdet.CrossEntropyLoss'),
    )
)

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=1),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=2),
    dict(type='CosineAnnealingLR', begin=2, end=20, T_max=18, eta_min=5e-7),
]
