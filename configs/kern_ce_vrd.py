# KERN with cross-entropy on VRD. It has no frequency prior to start from and
# learns longer; 32 pairs an image are quicker than all of them, and no worse.
_base_ = './motifnet_ce_vrd.py'

model = dict(
    relation_head=dict(
        type='KERNHead', hidden_size=64, pair_sampler=dict(num=32)))

train_cfg = dict(max_epochs=10)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[8], gamma=0.1)
]
