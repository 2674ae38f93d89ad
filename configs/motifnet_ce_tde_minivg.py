# Trained with cross-entropy; in tests the Total Direct Effect.
_base_ = './motifnet_ce_minivg.py'

model = dict(relation_head=dict(debiasing=dict(type='TotalDirectEffect')))
