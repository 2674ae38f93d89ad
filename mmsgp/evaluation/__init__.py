from .functional import NO_HIT, match_triplets
from .metrics import DumpPredictions, SceneGraphMetric
from .per_class_recall import (
    PerClassRecall,
    read_runs,
    recall_thresholds,
    run_names,
)
from .prediction_file import PredictionFile, PredictionWriter

__all__ = [
    'NO_HIT', 'DumpPredictions', 'PerClassRecall', 'PredictionFile',
    'PredictionWriter', 'SceneGraphMetric', 'match_triplets', 'read_runs',
    'recall_thresholds', 'run_names'
]
