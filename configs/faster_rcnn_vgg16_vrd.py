# A narrow VGG16 detector on the VRD boxes.
_base_ = [
    '_base_/models/faster_rcnn_vgg16_small.py',
    '_base_/datasets/vrd_detection.py', '_base_/schedules/sgd_detection.py',
    '_base_/detection_runtime.py'
]

model = dict(
    # squares: what an image is padded with must not depend on its batch
    data_preprocessor=dict(pad_size_divisor=192),
    roi_head=dict(bbox_head=dict(num_classes=100)))

train_cfg = dict(max_epochs=3)
optim_wrapper = dict(optimizer=dict(lr=0.02))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=200),
    dict(type='MultiStepLR', milestones=[2], gamma=0.1)
]
auto_scale_lr = dict(base_batch_size=8)
