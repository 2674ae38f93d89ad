# MotifNet over VGG16: a config adds the detector and the sizes of its data.
roi_extractor = dict(
    type='mmdet.SingleRoIExtractor',
    roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=2),
    out_channels=512,
    featmap_strides=[16],
)

model = dict(
    type='SceneGraphParser',
    test_tasks=('sgcls',),
    relation_head=dict(
        type='MotifNetHead',
        hidden_size=256,
        roi_extractor=roi_extractor,
        fc_head=dict(type='VGGHead', in_channels=512, out_channels=4096),
        pair_features=dict(
            type='PairFeatures',
            roi_extractor=roi_extractor,
            norm_momentum=0.01,  # as in the reference; it needs many steps
            fc_head=dict(
                type='VGGHead', in_channels=512, out_channels=4096, final_activation=False
            ),
        ),
        loss_relation=dict(type='mmdet.CrossEntropyLoss'),
    ),
)
