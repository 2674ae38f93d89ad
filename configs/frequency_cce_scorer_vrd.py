_base_ = './frequency_cce_vrd.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
