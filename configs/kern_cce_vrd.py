# The weight was chosen on held-out training images, with a Scorer at 1e-4.
_base_ = './kern_ce_vrd.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=10.0)))
