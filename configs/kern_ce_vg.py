# KERN with cross-entropy on VG150.
_base_ = '_base_/vg_parser.py'

model = dict(relation_head=dict(type='KERNHead', hidden_size=512))

# 1e-5 x batch size; eps and weight decay as in the reference code
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='Adam', lr=6e-5, eps=1e-3, weight_decay=0.0)
)
