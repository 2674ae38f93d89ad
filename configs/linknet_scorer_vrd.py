_base_ = './linknet_ce_vrd.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
