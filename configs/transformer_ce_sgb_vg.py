# Transformer with cross-entropy in the frame of Scene-Graph-Benchmark, on VG150.
_base_ = '_base_/sgb_parser.py'

model = dict(relation_head=dict(type='TransformerHead', hidden_size=512))

# 0.001 x batch size for about 16,000 iterations
train_dataloader = dict(batch_size=16)
train_cfg = dict(max_epochs=5)
optim_wrapper = dict(optimizer=dict(lr=0.016))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=500),
    dict(type='MultiStepLR', by_epoch=False, milestones=[10000, 16000], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=16)
