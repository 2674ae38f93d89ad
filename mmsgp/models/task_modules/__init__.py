from .graph_assigner import GraphAssigner
from .pair_proposals import all_pairs, label_pairs, overlapping
from .pair_sampler import PairSampler

__all__ = ['GraphAssigner', 'PairSampler', 'all_pairs', 'label_pairs', 'overlapping']
