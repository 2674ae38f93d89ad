# The frame of Scene-Graph-Benchmark on VG150: images, detector, features of objects and
# unions, sampling of pairs, schedule. A config adds a relation head.
_base_ = [
    './models/motifnet_vgg16.py',
    './detectors/faster_rcnn_x101_32x8d_fpn.py',
    './datasets/vg_relation.py',
    './schedules/sgb_plateau.py',
    './default_runtime.py',
]

detector_config = 'configs/faster_rcnn_x101_32x8d_fpn_vg.py'
detector = _base_.detector
detector.roi_head.bbox_head.num_classes = _base_.num_classes
strides = [4, 8, 16, 32]
roi_layer = dict(type='RoIAlign', output_size=7, sampling_ratio=2)
fc_head = dict(type='VGGHead', in_channels=256, out_channels=4096, dropout=0.0)
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(
            type='Pretrained', checkpoint='work_dirs/faster_rcnn_x101_32x8d_fpn_vg/detector.pth'
        ),
    ),
    detection_cfg=dict(score_thr=0.01, iou_thr=0.3, max_per_image=80),
    relation_head=dict(
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        nms_iou_thr=0.5,
        roi_extractor=dict(
            _delete_=True,
            type='mmdet.SingleRoIExtractor',
            roi_layer=roi_layer,
            out_channels=256,
            featmap_strides=strides,
        ),
        fc_head=dict(_delete_=True, **fc_head),
        pair_features=dict(
            _delete_=True,
            type='SGBPairFeatures',
            roi_extractor=dict(
                type='mmdet.GenericRoIExtractor',
                aggregation='concat',
                roi_layer=roi_layer,
                out_channels=4 * 256,
                featmap_strides=strides,
            ),
            fc_head=fc_head,
        ),
        pair_sampler=dict(type='PairSampler', num=1024, positive_fraction=0.25),
    ),
)

# the short side has 600 pixels, the long one at most 1000
train_pipeline, test_pipeline = (
    [{**step, 'scale': (1000, 600)} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(batch_size=12, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
