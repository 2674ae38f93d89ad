# Weight and rate were chosen on held-out training images: without a frequency
# prior or a Scorer, a larger rate soon shrinks the features until all tie.
_base_ = './kern_ce_vrd.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=0.3)))
optim_wrapper = dict(optimizer=dict(lr=1e-4))
