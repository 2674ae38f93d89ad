# The weight that suits KERN, which has no frequency prior either.
_base_ = './imp_ce_minivg.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=0.3),
        scorer=dict(type='Scorer'),
    )
)
