# MotifNet with CCE and Scorer on MiniVG, over RTMDet-tiny.
_base_ = ['./motifnet_cce_scorer_minivg.py', '_base_/detectors/rtmdet_tiny.py']

detector_config = 'configs/rtmdet_tiny_minivg.py'
roi_extractor = dict(out_channels=96, featmap_strides=[8, 16, 32])
model = dict(
    data_preprocessor=dict(_delete_=True, **_base_.detector.data_preprocessor),
    detector=dict(
        _delete_=True,
        **_base_.detector,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/rtmdet_tiny_minivg/detector.pth')),
    relation_head=dict(
        roi_extractor=roi_extractor,
        fc_head=dict(in_channels=96),
        pair_features=dict(
            roi_extractor=roi_extractor, fc_head=dict(in_channels=96))))
