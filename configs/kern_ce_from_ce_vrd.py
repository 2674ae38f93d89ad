# As many further epochs of cross-entropy, to compare CCE and Scorer with.
_base_ = './kern_ce_vrd.py'

load_from = 'work_dirs/kern_ce_vrd/epoch_3.pth'

train_cfg = dict(max_epochs=2)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[1], gamma=0.1),
]
