# As MotifNet's; the authors' code has 100.
_base_ = './frequency_ce_vrd.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=1.0)))
