# MotifNet with CCE and Scorer on MiniVG, over Cascade R-CNN.
_base_ = ['./motifnet_cce_scorer_minivg.py', '_base_/detectors/cascade_rcnn_r50_fpn.py']

detector_config = 'configs/cascade_rcnn_r50_fpn_minivg.py'
roi_extractor = dict(out_channels=256, featmap_strides=[4, 8, 16, 32])
model = dict(
    data_preprocessor=dict(_delete_=True, **_base_.detector.data_preprocessor),
    detector=dict(
        _delete_=True,
        **_base_.detector,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/cascade_rcnn_r50_fpn_minivg/detector.pth')),
    relation_head=dict(
        roi_extractor=roi_extractor,
        fc_head=dict(in_channels=256),
        pair_features=dict(
            roi_extractor=roi_extractor, fc_head=dict(in_channels=256))))
