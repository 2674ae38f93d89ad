# MotifNet with CCE and Scorer on MiniVG, over Cascade R-CNN.
_base_ = ['_base_/minivg_parser_cce_scorer.py', '_base_/detectors/cascade_rcnn_r50_fpn.py']

detector_config = 'configs/cascade_rcnn_r50_fpn_minivg.py'
detector = _base_.detector
detector.roi_head.bbox_head = [
    dict(**stage, num_classes=_base_.num_classes) for stage in detector.roi_head.bbox_head
]
regions = dict(
    roi_extractor=dict(out_channels=256, featmap_strides=[4, 8, 16, 32]),
    fc_head=dict(in_channels=256),
)
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(
            type='Pretrained', checkpoint='work_dirs/cascade_rcnn_r50_fpn_minivg/detector.pth'
        ),
    ),
    relation_head=dict(**regions, pair_features=regions),
)
