# Relations of MiniVG.
_base_ = ['./vg_relation.py', './small.py']

data_root = 'data/minivg/'
img_scale = (160, 160)
num_classes = 24
num_predicates = 18

train_pipeline, test_pipeline = (
    [{**step, 'scale': img_scale} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
source = dict(data_root=data_root, **_base_.small_dataset)
train_dataloader = dict(**_base_.small_loader, dataset=dict(**source, pipeline=train_pipeline))
val_dataloader = dict(**_base_.small_loader, dataset=dict(**source, pipeline=test_pipeline))
test_dataloader = val_dataloader
