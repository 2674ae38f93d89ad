# MotifNet with CCE and Scorer on MiniVG, over DETR.
_base_ = ['_base_/minivg_parser_cce_scorer.py', '_base_/detectors/detr_r50.py']

detector_config = 'configs/detr_r50_minivg.py'
detector = _base_.detector
detector.bbox_head.num_classes = _base_.num_classes
regions = dict(
    roi_extractor=dict(out_channels=256, featmap_strides=[16]), fc_head=dict(in_channels=256)
)
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/detr_r50_minivg/detector.pth'),
    ),
    relation_head=dict(**regions, pair_features=regions),
)
