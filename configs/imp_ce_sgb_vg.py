# IMP with cross-entropy in the frame of Scene-Graph-Benchmark, on VG150.
_base_ = './transformer_ce_sgb_vg.py'

model = dict(relation_head=dict(type='IMPHead'))

# 0.001 x batch size for about 50,000 iterations, the schedule of MotifNet
train_dataloader = dict(batch_size=12)
train_cfg = dict(max_epochs=11)
optim_wrapper = dict(optimizer=dict(lr=0.012))
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
