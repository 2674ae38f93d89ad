# MotifNet with CCE and Scorer on MiniVG, over RTMDet-tiny.
_base_ = ['_base_/minivg_parser_cce_scorer.py', '_base_/detectors/rtmdet_tiny.py']

detector_config = 'configs/rtmdet_tiny_minivg.py'
detector = _base_.detector
detector.bbox_head.num_classes = _base_.num_classes
regions = dict(
    roi_extractor=dict(out_channels=96, featmap_strides=[8, 16, 32]), fc_head=dict(in_channels=96)
)
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/rtmdet_tiny_minivg/detector.pth'),
    ),
    relation_head=dict(**regions, pair_features=regions),
)
