# Transformer with cross-entropy on MiniVG.
_base_ = './motifnet_ce_minivg.py'

model = dict(relation_head=dict(type='TransformerHead', hidden_size=128, feedforward_channels=256))
