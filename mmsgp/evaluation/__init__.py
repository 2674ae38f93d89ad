from .functional import NO_HIT, match_triplets
from .metrics import SceneGraphMetric

__all__ = ['NO_HIT', 'SceneGraphMetric', 'match_triplets']
