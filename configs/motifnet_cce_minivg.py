# Weighted to the size of the other losses; the authors' code has 100.
_base_ = './motifnet_ce_minivg.py'

model = dict(
    relation_head=dict(loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=10.0))
)
