# Faster R-CNN on ResNeXt-101-32x8d-FPN, as in Scene-Graph-Benchmark. Its weights of
# ImageNet are Caffe2's: BGR, and not scaled.
_base_ = './faster_rcnn_r50_fpn.py'

detector = dict(
    data_preprocessor=dict(
        _delete_=True,
        type='mmdet.DetDataPreprocessor',
        mean=[102.9801, 115.9465, 122.7717],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_size_divisor=32,
    ),
    backbone=dict(
        _delete_=True,
        type='mmdet.ResNeXt',
        depth=101,
        groups=32,
        base_width=8,
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='pytorch',
    ),
    rpn_head=dict(
        anchor_generator=dict(scales=[8], ratios=[0.23232838, 0.63365731, 1.28478321, 3.15089189])
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(roi_layer=dict(sampling_ratio=2)),
        bbox_head=dict(
            _delete_=True,
            type='mmsgp.VGGBBoxHead',
            fc_head=dict(type='mmsgp.VGGHead', in_channels=256, out_channels=4096, dropout=0.0),
        ),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=6000, max_per_img=1000),
        rcnn=dict(score_thr=0.01, nms=dict(type='nms', iou_threshold=0.3), max_per_img=80),
    ),
)
