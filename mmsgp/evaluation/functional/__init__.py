from .matching import (
                       NO_HIT,
                       aligned_iou,
                       apply_graph_constraint,
                       match_objects,
                       match_triplets,
)
from .recall import (
                       flatten,
                       mean_over_predicates,
                       mean_recall_at_k,
                       predicate_recall_at_k,
                       recall_at_k,
)

__all__ = [
    'NO_HIT', 'aligned_iou', 'apply_graph_constraint', 'flatten',
    'match_objects', 'match_triplets', 'mean_over_predicates',
    'mean_recall_at_k', 'predicate_recall_at_k', 'recall_at_k'
]
