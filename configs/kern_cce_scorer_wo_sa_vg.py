# The Scorer without self-attention: each relation is scored alone.
_base_ = './kern_cce_scorer_vg.py'

model = dict(relation_head=dict(scorer=dict(attention=dict(type='RelationFC'))))
