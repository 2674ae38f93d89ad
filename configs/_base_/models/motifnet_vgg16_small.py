# As motifnet_vgg16.py, over the small detector and with narrower layers.
roi_extractor = dict(
    type='mmdet.SingleRoIExtractor',
    roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=1),
    out_channels=64,
    featmap_strides=[8],
)

model = dict(
    type='SceneGraphParser',
    test_tasks=('sgcls',),
    relation_head=dict(
        type='MotifNetHead',
        hidden_size=128,
        roi_extractor=roi_extractor,
        fc_head=dict(type='VGGHead', in_channels=64, out_channels=256, dropout=0.1),
        pair_features=dict(
            type='PairFeatures',
            roi_extractor=roi_extractor,
            fc_head=dict(
                type='VGGHead',
                in_channels=64,
                out_channels=256,
                dropout=0.1,
                final_activation=False,
            ),
        ),
        pair_sampler=dict(type='PairSampler', num=32),
        loss_relation=dict(type='mmdet.CrossEntropyLoss'),
    ),
)
