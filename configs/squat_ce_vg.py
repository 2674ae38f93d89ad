# SQUAT with cross-entropy on VG150.
_base_ = '_base_/vg_parser.py'

model = dict(relation_head=dict(type='SQUATHead', hidden_size=512, attention_channels=512))
