# A parser of MiniVG, without its detector.
_base_ = [
    './models/motifnet_vgg16_small.py',
    './datasets/minivg_relation.py',
    './schedules/sgd_plateau.py',
    './default_runtime.py',
]

model = dict(
    detector=dict(data_preprocessor=dict(pad_to=_base_.img_scale)),
    relation_head=dict(num_classes=_base_.num_classes, num_predicates=_base_.num_predicates),
)

# So few epochs never reach a plateau, and narrow layers that start at random
# learn faster by Adam than by the SGD that suits VGG16.
train_cfg = dict(max_epochs=4)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='MultiStepLR', milestones=[3], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=8)
