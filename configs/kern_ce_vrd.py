# KERN with cross-entropy on VRD.
_base_ = './motifnet_ce_vrd.py'

model = dict(relation_head=dict(type='KERNHead', hidden_size=64))

train_cfg = dict(max_epochs=3)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[2], gamma=0.1),
]
