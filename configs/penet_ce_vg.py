# PE-Net with cross-entropy on VG150.
_base_ = '_base_/vg_parser.py'

model = dict(relation_head=dict(type='PENetHead', hidden_size=2048, norm_momentum=0.001))
