from .functional import NO_HIT, match_triplets
from .metrics import DumpPredictions, SceneGraphMetric
from .prediction_file import PredictionFile, PredictionWriter

__all__ = [
    'NO_HIT', 'DumpPredictions', 'PredictionFile', 'PredictionWriter',
    'SceneGraphMetric', 'match_triplets'
]
