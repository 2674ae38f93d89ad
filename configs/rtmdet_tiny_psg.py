# RTMDet-tiny on the boxes of PSG, things and stuff, at 640 pixels.
_base_ = [
    '_base_/detectors/rtmdet_tiny.py',
    '_base_/datasets/psg_detection.py',
    '_base_/schedules/adamw_rtmdet.py',
    '_base_/detection_runtime.py',
]

img_scale = (640, 640)  # a multiple of the largest stride, 32
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
