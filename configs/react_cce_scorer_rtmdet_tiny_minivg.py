# REACT++ with CCE and Scorer on MiniVG, over RTMDet-tiny at 320 pixels: everything is read
# at the centres of boxes, for parsing in real time.
_base_ = [
    '_base_/detectors/rtmdet_tiny.py',
    '_base_/datasets/minivg_relation.py',
    '_base_/schedules/sgd_plateau.py',
    '_base_/default_runtime.py',
]

# tools/train.py trains the detector first if its weights do not exist.
detector_config = 'configs/rtmdet_tiny_320_minivg.py'
img_scale = (320, 320)
detector = _base_.detector
detector.data_preprocessor.pad_to = img_scale
detector.bbox_head.num_classes = _base_.num_classes
model = dict(
    type='SceneGraphParser',
    test_tasks=('sgcls',),
    detector=dict(
        **detector,
        init_cfg=dict(
            type='Pretrained', checkpoint='work_dirs/rtmdet_tiny_320_minivg/detector.pth'
        ),
    ),
    detection_cfg=dict(max_per_image=20),
    relation_head=dict(
        type='REACTHead',
        in_channels=[96, 96, 96],
        strides=[8, 16, 32],
        hidden_size=128,
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        pair_sampler=dict(type='PairSampler', num=32),
        loss_relation=dict(type='CCELoss', loss_weight=10.0),
        scorer=dict(type='Scorer'),
    ),
)

train_pipeline, test_pipeline = (
    [{**step, 'scale': img_scale} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# As for MiniVG's MotifNet: few epochs, hence a fixed schedule.
train_cfg = dict(max_epochs=4)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=1e-4),
    paramwise_cfg=dict(_delete_=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[3], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=8)
