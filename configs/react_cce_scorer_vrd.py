# The weight that suits MotifNet, and a margin: without it moving averages fall together.
_base_ = './react_ce_vrd.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', margin=1.0, loss_weight=1.0),
        scorer=dict(type='Scorer'),
    )
)
