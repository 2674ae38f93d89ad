# RTMDet-tiny on the VRD boxes, at 320 pixels.
_base_ = [
    '_base_/detectors/rtmdet_tiny.py',
    '_base_/datasets/vrd_detection.py',
    '_base_/schedules/adamw_rtmdet.py',
    '_base_/detection_runtime.py',
]

img_scale = (320, 320)  # a multiple of the largest stride, 32
model = _base_.detector
model.data_preprocessor.pad_to = img_scale
model.bbox_head.num_classes = _base_.num_classes

train_pipeline, test_pipeline = (
    [{**step, 'scale': img_scale} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

_base_.param_scheduler[0].end = 500
param_scheduler = _base_.param_scheduler
auto_scale_lr = dict(base_batch_size=8)
