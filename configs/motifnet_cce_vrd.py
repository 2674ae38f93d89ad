# The weight was chosen on validation images; the authors' code has 100.
_base_ = './motifnet_ce_vrd.py'

model = dict(relation_head=dict(loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=1.0)))
