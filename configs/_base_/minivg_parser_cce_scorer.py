# MotifNet with CCE and Scorer on MiniVG, without its detector.
_base_ = './minivg_parser.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=10.0),
        scorer=dict(type='Scorer')))
