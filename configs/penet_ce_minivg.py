# PE-Net with cross-entropy on MiniVG.
_base_ = './motifnet_ce_minivg.py'

model = dict(relation_head=dict(type='PENetHead', hidden_size=128))
