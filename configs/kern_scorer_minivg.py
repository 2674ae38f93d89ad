_base_ = './kern_ce_minivg.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
