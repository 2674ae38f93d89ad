# Refinement for SGGen: the trained model continues with detected boxes.
_base_ = './motifnet_cce_scorer_minivg.py'

load_from = 'work_dirs/motifnet_cce_scorer_minivg/epoch_4.pth'
model = dict(
    train_task='sggen', test_tasks=('sggen',), relation_head=dict(pair_sampler=dict(num=64))
)

train_pipeline = [
    {**step, 'overlapping_only': True} if step.type == 'LoadRelations' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

train_cfg = dict(max_epochs=2)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=2, eta_min=1e-5)]
default_hooks = dict(checkpoint=dict(save_best='sggen/mR@100'))
