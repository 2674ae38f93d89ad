from .graph_assigner import assign_graph
from .pair_proposals import all_pairs, label_pairs, overlapping
from .pair_sampler import PairSampler

__all__ = [
    'PairSampler', 'all_pairs', 'assign_graph', 'label_pairs', 'overlapping'
]
