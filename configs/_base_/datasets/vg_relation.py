# Relations of Visual Genome (VG150).
dataset_type = 'VGDataset'
data_root = 'data/vg/'
# Images are scaled and padded to a square, so that one of any shape fits.
img_scale = (592, 592)
num_classes = 150
num_predicates = 50
backend_args = None

train_pipeline = [
    dict(type='LoadImage', backend_args=backend_args),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='LoadRelations', sample_duplicates=True),
    # A box outside its image would be clipped to one without an area.
    dict(type='Resize', scale=img_scale, keep_ratio=True, clip_object_border=False),
    dict(type='SceneGraphRandomFlip', prob=0.5),
    dict(type='PackSceneGraphInputs'),
]
# Ground truth is loaded after Resize: it stays in pixels of the original image.
test_pipeline = [
    dict(type='LoadImage', backend_args=backend_args),
    dict(type='Resize', scale=img_scale, keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='LoadRelations'),
    dict(type='PackSceneGraphInputs'),
]

train_dataloader = dict(
    batch_size=6,
    num_workers=4,
    # workers start again each epoch, because random numbers depend on the epoch
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img=['VG_100K', 'VG_100K_2']),
        split='train',
        num_val_images=5000,
        filter_cfg=dict(filter_empty_relations=True),
        pipeline=train_pipeline,
        backend_args=backend_args,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img=['VG_100K', 'VG_100K_2']),
        split='val',
        num_val_images=5000,
        filter_cfg=dict(filter_empty_relations=True),
        test_mode=True,
        pipeline=test_pipeline,
        backend_args=backend_args,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img=['VG_100K', 'VG_100K_2']),
        split='test',
        num_val_images=5000,
        test_mode=True,
        pipeline=test_pipeline,
        backend_args=backend_args,
    ),
)

val_evaluator = dict(type='SceneGraphMetric', metric=('R', 'mR', 'F'))
test_evaluator = dict(type='SceneGraphMetric')
