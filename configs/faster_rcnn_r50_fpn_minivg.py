# Faster R-CNN on ResNet-50-FPN on the MiniVG boxes.
_base_ = [
    '_base_/detectors/faster_rcnn_r50_fpn.py',
    '_base_/datasets/minivg_detection.py',
    '_base_/schedules/sgd_detection.py',
    '_base_/detection_runtime.py',
]

model = _base_.detector
model.data_preprocessor.pad_to = _base_.img_scale
model.roi_head.bbox_head.num_classes = _base_.num_classes

train_cfg = dict(max_epochs=12)
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='MultiStepLR', milestones=[8, 11], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=8)
