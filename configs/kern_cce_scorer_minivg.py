_base_ = './kern_cce_minivg.py'

model = dict(relation_head=dict(scorer=dict(type='Scorer')))
