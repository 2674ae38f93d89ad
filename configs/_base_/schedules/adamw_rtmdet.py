# AdamW and a cosine over 36 epochs, for RTMDet from scratch.
_base_ = './sgd_detection.py'

train_cfg = dict(max_epochs=36)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=1000),
    dict(type='CosineAnnealingLR', T_max=36, eta_min=1e-5),
]
auto_scale_lr = dict(base_batch_size=6)
