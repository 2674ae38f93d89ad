# Weight and learning rate as with a Scorer on VRD: without a frequency prior,
# larger ones shrink the features until all predicates tie.
_base_ = './kern_ce_minivg.py'

model = dict(relation_head=dict(loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=0.3)))
optim_wrapper = dict(optimizer=dict(lr=3e-4))
