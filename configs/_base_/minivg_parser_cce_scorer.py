# MotifNet with CCE and Scorer on MiniVG, over a detector without fc6 and fc7: those of
# the relation head start at random, and learn as fast as the rest.
_base_ = './minivg_parser.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=10.0),
        scorer=dict(type='Scorer'),
    )
)
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True))
