# Refinement for SGGen: the trained model continues with detected boxes.
_base_ = './motifnet_cce_scorer_vg.py'

# The best epoch of SGCls is the one to choose: --cfg-options load_from=...
load_from = 'work_dirs/motifnet_cce_scorer_vg/epoch_20.pth'
model = dict(
    train_task='sggen',
    test_tasks=('sggen',),
    relation_head=dict(pair_sampler=dict(type='PairSampler', num=64)),
)

train_pipeline = [
    {**step, 'overlapping_only': True} if step.type == 'LoadRelations' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

# 1e-4 x batch size
train_cfg = dict(max_epochs=10)
optim_wrapper = dict(optimizer=dict(lr=6e-4))
param_scheduler = [{**_base_.param_scheduler[0], 'monitor': 'sggen/mR@100'}]
default_hooks = dict(checkpoint=dict(save_best='sggen/mR@100'))
