# CCE and Scorer on PSG. The weight is that for VG150; nothing was tuned.
_base_ = './motifnet_ce_psg.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=100.0),
        scorer=dict(type='Scorer'),
    )
)
