# VGG16 at an eighth of its width and without its last stage, with batch
# normalisation, for small images and machines without a GPU.
_base_ = './faster_rcnn_vgg16.py'

detector = dict(
    backbone=dict(base_channels=8, num_stages=4, norm_cfg=dict(type='BN'), init_cfg=None),
    rpn_head=dict(
        in_channels=64,
        feat_channels=64,
        anchor_generator=dict(
            base_sizes=[8], strides=[8], ratios=[0.4, 1.0, 2.5], scales=[2.5, 4.5, 8.0, 14.0]
        ),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(
            roi_layer=dict(sampling_ratio=1), out_channels=64, featmap_strides=[8]
        ),
        bbox_head=dict(fc_head=dict(in_channels=64, out_channels=256, dropout=0.1, init_cfg=None)),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=500, max_per_img=200),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=150)),
)
