# CCE and Scorer for a model that cross-entropy has trained.
_base_ = './linknet_cce_scorer_vg.py'

load_from = 'work_dirs/linknet_ce_vg/epoch_20.pth'

# 1e-4 x batch size, a tenth of the first rate, as the authors' script.
optim_wrapper = dict(optimizer=dict(lr=6e-4))
