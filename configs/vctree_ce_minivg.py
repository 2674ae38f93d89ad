# VCTree with cross-entropy on MiniVG.
_base_ = './motifnet_ce_minivg.py'

model = dict(relation_head=dict(type='VCTreeHead', hidden_size=128))
