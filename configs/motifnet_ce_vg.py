# MotifNet with cross-entropy on VG150, the base model of the paper.
_base_ = '_base_/vg_parser.py'

model = dict(relation_head=dict(norm_momentum=0.001))
