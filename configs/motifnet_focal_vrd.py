_base_ = './motifnet_ce_vrd.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='SoftmaxFocalLoss', gamma=4.0, loss_weight=100.0)
    )
)
