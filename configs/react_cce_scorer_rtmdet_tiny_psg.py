# REACT++ with CCE and Scorer on PSG, over RTMDet-tiny at 640 pixels.
_base_ = ['_base_/react_rtmdet_tiny.py', '_base_/datasets/psg_relation.py']

# tools/train.py trains the detector first if its weights do not exist.
detector_config = 'configs/rtmdet_tiny_psg.py'
img_scale = (640, 640)
detector = _base_.detector
detector.data_preprocessor.pad_to = img_scale
detector.bbox_head.num_classes = _base_.num_classes
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/rtmdet_tiny_psg/detector.pth'),
    ),
    relation_head=dict(
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
    ),
)

train_pipeline, test_pipeline = (
    [{**step, 'scale': img_scale} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
