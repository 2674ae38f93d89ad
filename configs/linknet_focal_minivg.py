_base_ = './linknet_ce_minivg.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='SoftmaxFocalLoss', gamma=4.0, loss_weight=10.0)
    )
)
