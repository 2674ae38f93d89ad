from .dataset_priors_hook import DatasetPriorsHook
from .epoch_seed_hook import EpochSeedHook, seed_worker
from .feature_cache_hook import FeatureCacheHook
from .invalid_loss_hook import InvalidLossHook
from .low_rate_hook import StopAtLowRateHook
from .rank_watch_hook import RankWatchHook
from .validated_checkpoint_hook import ValidatedCheckpointHook
from .visualization_hook import VisualizationHook

__all__ = [
    'DatasetPriorsHook', 'EpochSeedHook', 'FeatureCacheHook',
    'InvalidLossHook', 'RankWatchHook', 'StopAtLowRateHook',
    'ValidatedCheckpointHook', 'VisualizationHook', 'seed_worker'
]
