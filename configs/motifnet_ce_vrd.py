# MotifNet with cross-entropy on VRD, over a narrow VGG16.
_base_ = [
    '_base_/models/motifnet_vgg16_small.py',
    '_base_/detectors/faster_rcnn_vgg16_small.py',
    '_base_/datasets/vrd_relation.py',
    '_base_/schedules/sgd_plateau.py',
    '_base_/default_runtime.py',
]

# tools/train.py trains the detector first if its weights do not exist.
detector_config = 'configs/faster_rcnn_vgg16_vrd.py'
detector = _base_.detector
detector.data_preprocessor.pad_to = _base_.img_scale
detector.roi_head.bbox_head.num_classes = _base_.num_classes
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/faster_rcnn_vgg16_vrd/detector.pth'),
    ),
    # pairs per image, as in the reference: nearly all pairs of a VRD image
    relation_head=dict(
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        pair_sampler=dict(num=256),
    ),
)

# As for MiniVG: few epochs and narrow layers, hence Adam and a fixed schedule.
train_cfg = dict(max_epochs=5)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[4], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=8)
