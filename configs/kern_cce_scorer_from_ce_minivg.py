# CCE and Scorer for a model that cross-entropy has trained.
_base_ = './kern_cce_scorer_minivg.py'

load_from = 'work_dirs/kern_ce_minivg/epoch_4.pth'
