# MotifNet with cross-entropy on VG150, the base model of the paper.
_base_ = [
    '_base_/models/motifnet_vgg16.py', '_base_/datasets/vg_relation.py',
    '_base_/schedules/sgd_plateau.py', '_base_/default_runtime.py'
]

# tools/train.py trains the detector first if its weights are not there.
detector_config = 'configs/faster_rcnn_vgg16_vg.py'
model = dict(
    detector=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/faster_rcnn_vgg16_vg/detector.pth')))
