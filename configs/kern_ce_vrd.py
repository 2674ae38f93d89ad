# KERN with cross-entropy on VRD.
_base_ = './motifnet_ce_vrd.py'

model = dict(
    relation_head=dict(type='KERNHead', hidden_size=64))
