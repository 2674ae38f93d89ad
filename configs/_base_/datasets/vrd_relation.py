# Relations of the Visual Relationship Detection data set.
_base_ = './vg_relation.py'

data_root = 'data/vrd/'
img_scale = (192, 192)
train_pipeline = [
    {**step, 'scale': img_scale} if step.type == 'Resize' else step
    for step in _base_.train_pipeline
]
test_pipeline = [
    {**step, 'scale': img_scale} if step.type == 'Resize' else step
    for step in _base_.test_pipeline
]

source = dict(
    data_root=data_root, data_prefix=dict(img='images'), num_val_images=200)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(**source, pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(**source, pipeline=test_pipeline))
test_dataloader = val_dataloader
