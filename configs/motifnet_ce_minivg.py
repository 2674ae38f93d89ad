# MotifNet with cross-entropy on MiniVG, over a narrow VGG16.
_base_ = [
    '_base_/models/motifnet_vgg16_small.py',
    '_base_/datasets/minivg_relation.py', '_base_/schedules/sgd_plateau.py',
    '_base_/default_runtime.py'
]

# tools/train.py trains the detector first if its weights are not there.
detector_config = 'configs/faster_rcnn_vgg16_minivg.py'
model = dict(
    detector=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/faster_rcnn_vgg16_minivg/detector.pth'),
        roi_head=dict(bbox_head=dict(num_classes=24))),
    relation_head=dict(num_classes=24, num_predicates=18))

# So few epochs never reach a plateau, and narrow layers that start at random
# learn faster by Adam than by the SGD that suits VGG16.
train_cfg = dict(max_epochs=4)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[3], gamma=0.1)
]
auto_scale_lr = dict(base_batch_size=8)
