# The detector of Neural Motifs on Open Images V6, with the settings for VG150.
_base_ = [
    '_base_/detectors/faster_rcnn_vgg16.py',
    '_base_/datasets/openimages_detection.py',
    '_base_/schedules/sgd_detection.py',
    '_base_/detection_runtime.py',
]

model = _base_.detector
model.data_preprocessor.pad_to = _base_.img_scale
model.roi_head.bbox_head.num_classes = _base_.num_classes
