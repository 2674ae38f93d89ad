# The weight of the authors' code.
_base_ = './linknet_ce_vg.py'

model = dict(
    relation_head=dict(loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=100.0))
)
