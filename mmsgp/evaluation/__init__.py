from .functional import NO_HIT, match_triplets
from .metrics import DumpPredictions, SceneGraphMetric
from .prediction_file import PredictionFile, PredictionWriter
from .relation_ranks import RANKS_FILE, RelationRanks, TaskRanks

__all__ = [
    'NO_HIT', 'RANKS_FILE', 'DumpPredictions', 'PredictionFile', 'PredictionWriter',
    'RelationRanks', 'SceneGraphMetric', 'TaskRanks', 'match_triplets'
]
