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

# Few epochs: three take about as long as the detector and head of motifnet_cce_scorer_minivg.
train_cfg = dict(max_epochs=3)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=200),
    dict(type='CosineAnnealingLR', T_max=3, eta_min=1e-5),
]
