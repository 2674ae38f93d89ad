# Trained with cross-entropy; in tests the log-frequencies are subtracted.
_base_ = './motifnet_ce_minivg.py'

model = dict(relation_head=dict(debiasing=dict(type='PostHocLogitAdjustment', tau=0.3)))
