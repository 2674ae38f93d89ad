# MotifNet with cross-entropy on PSG, with the settings for VG150.
_base_ = [
    '_base_/models/motifnet_vgg16.py',
    '_base_/detectors/faster_rcnn_vgg16.py',
    '_base_/datasets/psg_relation.py',
    '_base_/schedules/sgd_plateau.py',
    '_base_/default_runtime.py',
]

# tools/train.py trains the detector first if its weights do not exist.
detector_config = 'configs/faster_rcnn_vgg16_psg.py'
detector = _base_.detector
detector.data_preprocessor.pad_to = _base_.img_scale
detector.roi_head.bbox_head.num_classes = _base_.num_classes
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/faster_rcnn_vgg16_psg/detector.pth'),
    ),
    relation_head=dict(
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        norm_momentum=0.001,
    ),
)
