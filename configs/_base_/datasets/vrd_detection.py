# Boxes of the Visual Relationship Detection data set.
dataset_type = 'VGDataset'
data_root = 'data/vrd/'
backend_args = None

train_pipeline = [
    dict(type='LoadImage', backend_args=backend_args),
    dict(type='LoadAnnotations', with_bbox=True),
    # A box outside its image would be clipped to one without an area.
    dict(
        type='Resize',
        scale=(192, 192),
        keep_ratio=True,
        clip_object_border=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs')
]
test_pipeline = [
    dict(type='LoadImage', backend_args=backend_args),
    dict(type='Resize', scale=(192, 192), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        # CocoMetric takes the ground truth from instances.
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape',
                   'scale_factor', 'instances'))
]

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    # workers start anew each epoch, for resumed runs to draw the same numbers
    persistent_workers=False,
    worker_init_fn=dict(type='seed_worker'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img='images'),
        split='train',
        num_val_images=200,
        filter_cfg=dict(filter_empty_relations=False),
        pipeline=train_pipeline,
        backend_args=backend_args))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img='images'),
        split='val',
        num_val_images=200,
        filter_cfg=dict(filter_empty_relations=False),
        test_mode=True,
        pipeline=test_pipeline,
        backend_args=backend_args))
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img='images'),
        split='test',
        num_val_images=200,
        test_mode=True,
        pipeline=test_pipeline,
        backend_args=backend_args))

# coco/bbox_mAP_50 is the mAP@0.5 of the literature.
val_evaluator = dict(type='mmdet.CocoMetric', metric='bbox')
test_evaluator = val_evaluator
