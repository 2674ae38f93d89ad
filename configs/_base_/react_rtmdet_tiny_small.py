# The same for small data. As for MiniVG's MotifNet: few epochs, hence a fixed schedule.
_base_ = './react_rtmdet_tiny.py'

model = dict(
    detection_cfg=dict(max_per_image=20),
    relation_head=dict(
        hidden_size=128, pair_sampler=dict(_delete_=True, type='PairSampler', num=32)
    ),
)

train_cfg = dict(max_epochs=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=1e-4), clip_grad=dict(max_norm=5))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[3], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=8)
