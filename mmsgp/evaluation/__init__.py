from .functional import NO_HIT, match_triplets
from .image_ranks import ImageRanks, TaskRanks
from .metrics import DumpPredictions, SceneGraphMetric
from .prediction_file import PredictionFile, PredictionWriter
from .relation_ranks import RANKS_FILE, RelationRanks

__all__ = [
    'NO_HIT',
    'RANKS_FILE',
    'DumpPredictions',
    'ImageRanks',
    'PredictionFile',
    'PredictionWriter',
    'RelationRanks',
    'SceneGraphMetric',
    'TaskRanks',
    'match_triplets',
]
