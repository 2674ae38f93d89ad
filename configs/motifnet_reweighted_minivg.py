# Cross-entropy, each predicate weighted by median(n) / n of its n relations.
_base_ = './motifnet_ce_minivg.py'

model = dict(
    relation_head=dict(
        loss_relation=dict(
            _delete_=True, type='ReweightedCrossEntropyLoss', scheme='median_frequency'
        )
    )
)
