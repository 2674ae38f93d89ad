# CCE and Scorer on Open Images V6. The weight is that for VG150; nothing was tuned.
_base_ = './motifnet_ce_openimages.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=100.0),
        scorer=dict(type='Scorer'),
    )
)
