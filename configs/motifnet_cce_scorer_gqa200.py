# CCE and Scorer on GQA-200. The weight is that for VG150; nothing was tuned.
_base_ = './motifnet_ce_gqa200.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=100.0),
        scorer=dict(type='Scorer'),
    )
)
