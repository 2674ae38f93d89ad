# As many further epochs of cross-entropy, to compare CCE and Scorer with.
_base_ = './linknet_ce_minivg.py'

load_from = 'work_dirs/linknet_ce_minivg/epoch_4.pth'
