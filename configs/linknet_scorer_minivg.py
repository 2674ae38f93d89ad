_base_ = './linknet_ce_minivg.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
