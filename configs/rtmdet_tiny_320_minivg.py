# RTMDet-tiny on the MiniVG boxes, at 320 pixels.
_base_ = './rtmdet_tiny_minivg.py'

img_scale = (320, 320)
model = dict(data_preprocessor=dict(pad_to=img_scale))

train_pipeline, test_pipeline = (
    [{**step, 'scale': img_scale} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
