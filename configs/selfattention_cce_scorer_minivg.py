# Transformer encoders instead of MotifNet's LSTMs.
_base_ = './motifnet_cce_scorer_minivg.py'

model = dict(
    relation_head=dict(
        _delete_=True,
        type='RoleProductHead',
        context=dict(
            type='TransformerContext',
            hidden_size=128,
            feedforward_channels=256,
            num_object_layers=2,
        ),
        num_classes=_base_.model.relation_head.num_classes,
        num_predicates=_base_.model.relation_head.num_predicates,
        roi_extractor=_base_.model.relation_head.roi_extractor,
        fc_head=_base_.model.relation_head.fc_head,
        pair_features=_base_.model.relation_head.pair_features,
        pair_sampler=_base_.model.relation_head.pair_sampler,
        loss_relation=_base_.model.relation_head.loss_relation,
        scorer=_base_.model.relation_head.scorer,
    )
)
