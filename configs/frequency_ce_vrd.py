# The frequency baseline on VRD: predicates given the classes.
_base_ = './motifnet_ce_vrd.py'

model = dict(
    relation_head=dict(
        _delete_=True,
        type='FrequencyHead',
        num_classes=100,
        num_predicates=70,
        image_channels=64,
        loss_relation=dict(type='mmdet.CrossEntropyLoss')))
