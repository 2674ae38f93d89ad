# The weight that suits MotifNet.
_base_ = './squat_ce_vg.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=100.0),
        scorer=dict(type='Scorer'),
    )
)
