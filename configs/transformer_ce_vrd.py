# Transformer with cross-entropy on VRD.
_base_ = './motifnet_ce_vrd.py'

model = dict(relation_head=dict(type='TransformerHead', hidden_size=128, feedforward_channels=256))
