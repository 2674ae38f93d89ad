_base_ = './frequency_ce_minivg.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
