# REACT++ with CCE and Scorer on VRD, over RTMDet-tiny at 320 pixels.
_base_ = ['_base_/react_rtmdet_tiny_small.py', '_base_/datasets/vrd_relation.py']

# tools/train.py trains the detector first if its weights do not exist.
detector_config = 'configs/rtmdet_tiny_vrd.py'
img_scale = (320, 320)
detector = _base_.detector
detector.data_preprocessor.pad_to = img_scale
detector.bbox_head.num_classes = _base_.num_classes
model = dict(
    detector=dict(
        **detector,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/rtmdet_tiny_vrd/detector.pth'),
    ),
    relation_head=dict(
        num_classes=_base_.num_classes,
        num_predicates=_base_.num_predicates,
        pair_sampler=dict(num=256),
        loss_relation=dict(loss_weight=1.0),
    ),
)

train_pipeline, test_pipeline = (
    [{**step, 'scale': img_scale} if step.type == 'Resize' else step for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=5)
_base_.param_scheduler[1].milestones = [4]
param_scheduler = _base_.param_scheduler
