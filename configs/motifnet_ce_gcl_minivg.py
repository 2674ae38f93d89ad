# Group collaborative learning; groups of MiniVG's 18 predicates by frequency.
_base_ = './motifnet_ce_minivg.py'

model = dict(
    relation_head=dict(debiasing=dict(type='GroupCollaborativeLearning', groups=(3, 9, 6)))
)
