# CCE and Scorer for a model that cross-entropy has trained. Weight and rate were
# chosen on the validation images, of two settings.
_base_ = './kern_cce_scorer_vrd.py'

load_from = 'work_dirs/kern_ce_vrd/epoch_3.pth'

train_cfg = dict(max_epochs=2)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[1], gamma=0.1),
]
