# The frequency baseline on VG150: predicates given the classes.
_base_ = './motifnet_ce_vg.py'

model = dict(
    relation_head=dict(
        _delete_=True,
        type='FrequencyHead',
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        image_channels=512,
        loss_relation=dict(type='mmdet.CrossEntropyLoss'),
    )
)
