# DETR on ResNet-50, a query-based detector, on the MiniVG boxes.
_base_ = [
    '_base_/detectors/detr_r50.py',
    '_base_/datasets/minivg_detection.py',
    '_base_/schedules/sgd_detection.py',
    '_base_/detection_runtime.py',
]

model = _base_.detector
model.data_preprocessor.pad_to = _base_.img_scale
model.bbox_head.num_classes = _base_.num_classes

train_cfg = dict(max_epochs=150)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, weight_decay=1e-4),
    clip_grad=dict(max_norm=0.1),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
)
param_scheduler = [dict(type='MultiStepLR', milestones=[100], gamma=0.1)]
auto_scale_lr = dict(base_batch_size=8)
