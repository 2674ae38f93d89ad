_base_ = './kern_ce_vrd.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
