from .scorer import RelationFC, RelationSelfAttention, Scorer

__all__ = ['RelationFC', 'RelationSelfAttention', 'Scorer']
