# The Scorer without self-attention: each relation is scored alone.
_base_ = './linknet_cce_scorer_minivg.py'

model = dict(relation_head=dict(scorer=dict(attention=dict(type='RelationFC'))))
