# Faster R-CNN on VGG16 as in Neural Motifs. The weights are torchvision's.
imagenet_weights = 'https://download.pytorch.org/models/vgg16-397923af.pth'
from_imagenet = dict(type='Pretrained', checkpoint=imagenet_weights)

detector = dict(
    type='mmdet.FasterRCNN',
    data_preprocessor=dict(
        type='mmsgp.SceneGraphDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='mmsgp.VGG', depth=16, init_cfg=from_imagenet),
    rpn_head=dict(
        type='mmdet.RPNHead',
        in_channels=512,
        feat_channels=512,
        anchor_generator=dict(
            type='mmdet.AnchorGenerator',
            base_sizes=[16],
            strides=[16],
            ratios=[0.23232838, 0.63365731, 1.28478321, 3.15089189],
            scales=[2.22152954, 4.12315647, 7.21692515, 12.60263013, 22.7102731],
        ),
        bbox_coder=dict(type='mmdet.DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='mmdet.SmoothL1Loss', beta=1 / 9),
    ),
    roi_head=dict(
        type='mmdet.StandardRoIHead',
        bbox_roi_extractor=dict(
            type='mmdet.SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=2),
            out_channels=512,
            featmap_strides=[16],
        ),
        bbox_head=dict(
            type='mmsgp.VGGBBoxHead',
            fc_head=dict(
                type='mmsgp.VGGHead', in_channels=512, out_channels=4096, init_cfg=from_imagenet
            ),
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(
                type='mmdet.MaxIoUAssigner',
                pos_iou_thr=0.7,
                neg_iou_thr=0.3,
                min_pos_iou=0.3,
                ignore_iof_thr=-1,
            ),
            sampler=dict(
                type='mmdet.RandomSampler', num=256, pos_fraction=0.5, add_gt_as_proposals=False
            ),
            allowed_border=0,
            pos_weight=-1,
        ),
        rpn_proposal=dict(
            nms_pre=12000,
            max_per_img=2000,
            nms=dict(type='nms', iou_threshold=0.7),
            min_bbox_size=0,
        ),
        rcnn=dict(
            assigner=dict(
                type='mmdet.MaxIoUAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.5,
                min_pos_iou=0.5,
                match_low_quality=False,
                ignore_iof_thr=-1,
            ),
            sampler=dict(type='mmdet.RandomSampler', num=256, pos_fraction=0.25),
            pos_weight=-1,
        ),
    ),
    test_cfg=dict(
        rpn=dict(
            nms_pre=6000, max_per_img=1000, nms=dict(type='nms', iou_threshold=0.7), min_bbox_size=0
        ),
        rcnn=dict(score_thr=0.01, nms=dict(type='nms', iou_threshold=0.3), max_per_img=64),
    ),
)
