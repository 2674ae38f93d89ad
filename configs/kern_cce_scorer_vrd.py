_base_ = './kern_cce_vrd.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
