# The detector of Neural Motifs on VG150, pre-trained on boxes.
_base_ = [
    '_base_/models/faster_rcnn_vgg16.py', '_base_/datasets/vg_detection.py',
    '_base_/schedules/sgd_detection.py', '_base_/detection_runtime.py'
]
