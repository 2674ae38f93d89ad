# The weight of the authors' code (there for LinkNet).
_base_ = './motifnet_ce_vg.py'

model = dict(
    relation_head=dict(loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=100.0))
)
