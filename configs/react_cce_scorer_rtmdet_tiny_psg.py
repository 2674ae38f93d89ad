# REACT++ with CCE and Scorer on PSG, over RTMDet-tiny at 640 pixels: everything is read
# at the centres of boxes, for parsing in real time.
_base_ = [
    '_base_/detectors/rtmdet_tiny.py',
    '_base_/datasets/psg_relation.py',
    '_base_/schedules/sgd_plateau.py',
    '_base_/default_runtime.py',
]

# tools/train.py trains the detector first if its weights do not exist.
detector_config = 'configs/rtmdet_tiny_psg.py'
img_scale = (640, 640)
detector = _base_.detector
detector.data_preprocessor.pad_to = img_scale
detector.bbox_head.num_classes = _base_.num_classes
model = dict(
    type='SceneGraphParser',
    test_tasks=('sgcls',),
    detector=dict(
        **detector,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/rtmdet_tiny_psg/detector.pth'),
    ),
    detection_cfg=dict(max_per_image=64),
    relation_head=dict(
        type='REACTHead',
        in_channels=[96, 96, 96],
        strides=[8, 16, 32],
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        pair_sampler=dict(type='PairSampler', num=512, positive_fraction=0.35),
        loss_relation=dict(type='CCELoss', loss_weight=100.0),
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

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-4, weight_decay=0.05),
    paramwise_cfg=dict(_delete_=True),
    clip_grad=dict(max_norm=1),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=2),
    dict(type='CosineAnnealingLR', begin=2, end=20, T_max=18, eta_min=5e-7),
]
