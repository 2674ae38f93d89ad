_base_ = './frequency_cce_vg.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
