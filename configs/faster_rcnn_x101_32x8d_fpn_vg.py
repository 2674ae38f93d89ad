# The detector of Scene-Graph-Benchmark's frame on VG150.
_base_ = [
    '_base_/detectors/faster_rcnn_x101_32x8d_fpn.py',
    '_base_/datasets/vg_detection.py',
    '_base_/schedules/sgd_detection.py',
    '_base_/detection_runtime.py',
]

model = _base_.detector
model.roi_head.bbox_head.num_classes = _base_.num_classes

# the short side has 600 pixels, the long one at most 1000
train_pipeline, test_pipeline = (
    [{**step, 'scale': (1000, 600)} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
