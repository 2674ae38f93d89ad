# Relations of the Visual Relationship Detection data set.
_base_ = ['./vg_relation.py', './small.py']

data_root = 'data/vrd/'
img_scale = (192, 192)
num_classes = 100
num_predicates = 70

train_pipeline, test_pipeline = (
    [{**step, 'scale': img_scale} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
source = dict(data_root=data_root, **_base_.small_dataset)
train_dataloader = dict(**_base_.small_loader, dataset=dict(**source, pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(**source, pipeline=test_pipeline))
test_dataloader = val_dataloader
