# IMP with cross-entropy in the frame of Scene-Graph-Benchmark, on VG150.
_base_ = '_base_/sgb_parser.py'

model = dict(relation_head=dict(type='IMPHead', hidden_size=512))

# 0.001 x batch size
optim_wrapper = dict(optimizer=dict(lr=0.012))
