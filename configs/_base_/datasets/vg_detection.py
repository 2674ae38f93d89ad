# Boxes of Visual Genome (VG150).
_base_ = './vg_relation.py'

train_pipeline = [
    dict(type='LoadImage', backend_args=_base_.backend_args),
    dict(type='LoadAnnotations', with_bbox=True),
    # A box outside its image would be clipped to one without an area.
    dict(type='Resize', scale=_base_.img_scale, keep_ratio=True, clip_object_border=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImage', backend_args=_base_.backend_args),
    dict(type='Resize', scale=_base_.img_scale, keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        # CocoMetric takes the ground truth from instances.
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'),
    ),
]

train_dataloader = dict(
    dataset=dict(filter_cfg=dict(filter_empty_relations=False), pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(filter_cfg=dict(filter_empty_relations=False), pipeline=test_pipeline)
)
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# coco/bbox_mAP_50 is the mAP@0.5 of the literature.
val_evaluator = dict(_delete_=True, type='mmdet.CocoMetric', metric='bbox')
test_evaluator = val_evaluator
