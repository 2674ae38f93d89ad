_base_ = './linknet_cce_minivg.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
