# LinkNet with cross-entropy on VG150.
_base_ = './motifnet_ce_vg.py'

model = dict(relation_head=dict(type='LinkNetHead'))
