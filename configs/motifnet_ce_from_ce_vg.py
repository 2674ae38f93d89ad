# As many further epochs of cross-entropy, to compare CCE and Scorer with.
_base_ = './motifnet_ce_vg.py'

load_from = 'work_dirs/motifnet_ce_vg/epoch_20.pth'

# 1e-4 x batch size, as for CCE and Scorer.
optim_wrapper = dict(optimizer=dict(lr=6e-4))
