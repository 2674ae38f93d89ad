# VCTree with cross-entropy in the frame of Scene-Graph-Benchmark, on VG150.
_base_ = './motifnet_ce_sgb_vg.py'

model = dict(relation_head=dict(type='VCTreeHead', decode_inputs=True))
