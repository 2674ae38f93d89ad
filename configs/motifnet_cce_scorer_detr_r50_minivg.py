# MotifNet with CCE and Scorer on MiniVG, over DETR.
_base_ = ['./motifnet_cce_scorer_minivg.py', '_base_/detectors/detr_r50.py']

detector_config = 'configs/detr_r50_minivg.py'
roi_extractor = dict(out_channels=256, featmap_strides=[16])
model = dict(
    data_preprocessor=dict(_delete_=True, **_base_.detector.data_preprocessor),
    detector=dict(
        _delete_=True,
        **_base_.detector,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/detr_r50_minivg/detector.pth')),
    relation_head=dict(
        roi_extractor=roi_extractor,
        fc_head=dict(in_channels=256),
        pair_features=dict(
            roi_extractor=roi_extractor, fc_head=dict(in_channels=256))))
