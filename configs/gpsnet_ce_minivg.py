# GPS-Net with cross-entropy on MiniVG.
_base_ = './motifnet_ce_minivg.py'

model = dict(relation_head=dict(type='GPSNetHead', hidden_size=128))
