# RTMDet-tiny, a one-stage detector, on the MiniVG boxes.
_base_ = [
    '_base_/detectors/rtmdet_tiny.py',
    '_base_/datasets/minivg_detection.py',
    '_base_/schedules/sgd_detection.py',
    '_base_/detection_runtime.py',
]

model = _base_.detector
model.data_preprocessor.pad_to = _base_.img_scale
model.bbox_head.num_classes = _base_.num_classes

train_cfg = dict(max_epochs=36)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='CosineAnnealingLR', T_max=36, eta_min=1e-5),
]
auto_scale_lr = dict(base_batch_size=8)
