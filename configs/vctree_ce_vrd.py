# VCTree with cross-entropy on VRD.
_base_ = './motifnet_ce_vrd.py'

model = dict(relation_head=dict(type='VCTreeHead', hidden_size=128))
