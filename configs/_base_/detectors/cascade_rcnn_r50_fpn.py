# As faster_rcnn_r50_fpn.py, with three stages of box heads.
_base_ = './faster_rcnn_r50_fpn.py'

roi_head = _base_.detector.roi_head
rcnn = _base_.detector.train_cfg.rcnn
detector = dict(
    type='mmdet.CascadeRCNN',
    roi_head=dict(
        _delete_=True,
        type='mmdet.CascadeRoIHead',
        num_stages=3,
        stage_loss_weights=[1, 0.5, 0.25],
        bbox_roi_extractor=roi_head.bbox_roi_extractor,
        bbox_head=[
            dict(
                **roi_head.bbox_head,
                reg_class_agnostic=True,
                bbox_coder=dict(
                    type='mmdet.DeltaXYWHBBoxCoder', target_stds=[centre, centre, extent, extent]
                ),
            )
            for centre, extent in ((0.1, 0.2), (0.05, 0.1), (0.033, 0.067))
        ],
    ),
    train_cfg=dict(
        rcnn=[
            dict(
                assigner=dict(
                    type='mmdet.MaxIoUAssigner',
                    pos_iou_thr=iou,
                    neg_iou_thr=iou,
                    min_pos_iou=iou,
                    match_low_quality=False,
                ),
                sampler=rcnn.sampler,
                pos_weight=-1,
            )
            for iou in (0.5, 0.6, 0.7)
        ]
    ),
)
