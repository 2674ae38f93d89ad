# As many further epochs of cross-entropy, to compare CCE and Scorer with.
_base_ = './motifnet_ce_minivg.py'

load_from = 'work_dirs/motifnet_ce_minivg/epoch_4.pth'
