# A parser of VG150 over VGG16, without arguments that only some relation heads have:
# the base for a head of your own.
_base_ = [
    './models/motifnet_vgg16.py',
    './detectors/faster_rcnn_vgg16.py',
    './datasets/vg_relation.py',
    './schedules/sgd_plateau.py',
    './default_runtime.py',
]

# tools/train.py trains the detector first if its weights do not exist.
detector_config = 'configs/faster_rcnn_vgg16_vg.py'
detector = _base_.detector
detector.data_preprocessor.pad_to = _base_.img_scale
detector.roi_head.bbox_head.num_classes = _base_.num_classes
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/faster_rcnn_vgg16_vg/detector.pth'),
    ),
    relation_head=dict(num_classes=_base_.num_classes, num_predicates=_base_.num_predicates),
)
