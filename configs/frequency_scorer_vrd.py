_base_ = './frequency_ce_vrd.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
