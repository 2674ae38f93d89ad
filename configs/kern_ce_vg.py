# KERN with cross-entropy on VG150.
_base_ = './motifnet_ce_vg.py'

# KERN encodes no positions, which norm_momentum is for.
head = {k: v for k, v in _base_.model.relation_head.items() if k != 'norm_momentum'}
model = dict(
    relation_head=dict(
        _delete_=True, **{**head, 'type': 'KERNHead', 'hidden_size': 512}))

# 1e-5 x batch size; eps and weight decay as in the reference code
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True, type='Adam', lr=6e-5, eps=1e-3, weight_decay=0.0))
