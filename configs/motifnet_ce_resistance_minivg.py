# Cross-entropy against the resistance of frequent predicates (RTPB with CB).
_base_ = './motifnet_ce_minivg.py'

model = dict(relation_head=dict(debiasing=dict(type='Resistance', bias='CB')))
