# A narrow VGG16 detector on the MiniVG boxes.
_base_ = [
    '_base_/models/faster_rcnn_vgg16_small.py',
    '_base_/datasets/minivg_detection.py', '_base_/schedules/sgd_detection.py',
    '_base_/detection_runtime.py'
]

model = dict(roi_head=dict(bbox_head=dict(num_classes=24)))
