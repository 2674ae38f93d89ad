# SQUAT with cross-entropy on VG150, with the authors' schedule: 70,000 x 12 images, selectors
# alone for 2,000 iterations and at a rate 2.5 times lower, half the rate after 3 validations
# without an improvement, one per epoch instead of one per 1,000 iterations.
_base_ = '_base_/vg_parser.py'

model = dict(relation_head=dict(type='SQUATHead', hidden_size=512, attention_channels=512))

train_cfg = dict(max_epochs=15)
default_hooks = dict(selectors=dict(type='TrainAloneHook', layers='selectors', iters=2000))
optim_wrapper = dict(
    optimizer=dict(weight_decay=1e-5),
    paramwise_cfg=dict(custom_keys={'selectors': dict(lr_mult=0.4)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=500),
    dict(
        type='ReduceOnPlateauLR',
        monitor='sgcls/mR@100',
        rule='greater',
        factor=0.5,
        patience=2,
        threshold=0.1,
        threshold_rule='abs',
    ),
]
