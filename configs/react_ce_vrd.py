# REACT++ with cross-entropy on VRD, over the map of a narrow VGG16.
_base_ = './motifnet_ce_vrd.py'

model = dict(
    relation_head=dict(
        _delete_=True,
        type='REACTHead',
        in_channels=[64],
        strides=[8],
        hidden_size=128,
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        pair_sampler=dict(type='PairSampler', num=256),
        loss_relation=dict(type='mmdet.CrossEntropyLoss'),
    )
)
