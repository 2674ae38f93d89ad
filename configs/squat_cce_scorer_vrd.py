# The weight that suits MotifNet.
_base_ = './squat_ce_vrd.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=1.0),
        scorer=dict(type='Scorer'),
    )
)
