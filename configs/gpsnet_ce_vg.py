# GPS-Net with cross-entropy on VG150.
_base_ = '_base_/vg_parser.py'

model = dict(relation_head=dict(type='GPSNetHead', hidden_size=512))
