# GPS-Net with cross-entropy on VRD.
_base_ = './motifnet_ce_vrd.py'

model = dict(relation_head=dict(type='GPSNetHead', hidden_size=128))
