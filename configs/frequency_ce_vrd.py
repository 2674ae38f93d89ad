# The frequency baseline on VRD: predicates given the classes.
_base_ = './motifnet_ce_vrd.py'

model = dict(
    relation_head=dict(
        _delete_=True,
        type='FrequencyHead',
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        image_channels=64,
        loss_relation=dict(type='mmdet.CrossEntropyLoss'),
    )
)
