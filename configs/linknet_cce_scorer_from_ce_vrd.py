# CCE and Scorer for a model that cross-entropy has trained.
_base_ = './linknet_cce_scorer_vrd.py'

load_from = 'work_dirs/linknet_ce_vrd/epoch_5.pth'
