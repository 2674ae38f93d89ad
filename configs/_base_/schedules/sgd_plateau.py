train_cfg = dict(type='ResumableEpochLoop', max_epochs=20, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# 1e-3 x batch size
optim_wrapper = dict(
    type='SteadyOptimWrapper',
    constructor='TrainableParamsConstructor',
    optimizer=dict(type='SGD', lr=6e-3, momentum=0.9, weight_decay=1e-4),
    # fc6 and fc7 of VGG are pre-trained
    paramwise_cfg=dict(custom_keys={'fc_head.classifier': dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=5),
)
auto_scale_lr = dict(enable=False, base_batch_size=6)

# As in the reference implementations: the rate drops after more than 3 validations
# in a row without an improvement by 1e-4, here in percent.
param_scheduler = [
    dict(
        type='ReduceOnPlateauLR',
        monitor='sgcls/mR@100',
        rule='greater',
        factor=0.1,
        patience=3,
        threshold=0.01,
        threshold_rule='abs',
        cooldown=1,
    )
]
