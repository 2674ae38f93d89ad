# The schedule of Scene-Graph-Benchmark: 0.01 x batch size for about 50,000 iterations; the
# rate falls after 3 validations without an improvement, one per epoch instead of one per
# 2,000 iterations.
_base_ = './sgd_plateau.py'

train_cfg = dict(max_epochs=11)
optim_wrapper = dict(optimizer=dict(lr=0.12))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=500),
    dict(
        type='ReduceOnPlateauLR',
        monitor='sgcls/mR@100',
        rule='greater',
        factor=0.1,
        patience=2,
        threshold=0.1,
        threshold_rule='abs',
    ),
]
auto_scale_lr = dict(base_batch_size=12)
