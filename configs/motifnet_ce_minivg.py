# MotifNet with cross-entropy on MiniVG, over a narrow VGG16.
_base_ = ['_base_/minivg_parser.py', '_base_/detectors/faster_rcnn_vgg16_small.py']

# tools/train.py trains the detector first if its weights do not exist.
detector_config = 'configs/faster_rcnn_vgg16_minivg.py'
detector = _base_.detector
detector.roi_head.bbox_head.num_classes = _base_.num_classes
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(
            type='Pretrained', checkpoint='work_dirs/faster_rcnn_vgg16_minivg/detector.pth'
        ),
    )
)
