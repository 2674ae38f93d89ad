# MotifNet with cross-entropy in the frame of Scene-Graph-Benchmark, on VG150.
_base_ = '_base_/sgb_parser.py'

model = dict(relation_head=dict(hidden_size=512, norm_momentum=0.001))
