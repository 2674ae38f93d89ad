_base_ = './kern_cce_vrd.py'

# Chosen on the validation images. The Scorer holds the features at this rate.
optim_wrapper = dict(optimizer=dict(lr=3e-4))
model = dict(relation_head=dict(scorer=dict(type='Scorer')))
