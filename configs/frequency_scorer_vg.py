_base_ = './frequency_ce_vg.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
