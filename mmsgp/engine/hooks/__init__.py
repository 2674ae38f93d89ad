from .dataset_priors_hook import DatasetPriorsHook
from .feature_cache_hook import FeatureCacheHook
from .invalid_loss_hook import InvalidLossHook
from .load_by_name_hook import LoadByNameHook
from .log_hook import SteadyLoggerHook
from .low_rate_hook import StopAtLowRateHook
from .rank_watch_hook import RankWatchHook
from .scalars_hook import ScalarsHook
from .seed_hook import SeedHook
from .train_alone_hook import TrainAloneHook
from .validated_checkpoint_hook import ValidatedCheckpointHook
from .visualization_hook import VisualizationHook

__all__ = [
    'DatasetPriorsHook',
    'FeatureCacheHook',
    'InvalidLossHook',
    'LoadByNameHook',
    'RankWatchHook',
    'ScalarsHook',
    'SeedHook',
    'SteadyLoggerHook',
    'StopAtLowRateHook',
    'TrainAloneHook',
    'ValidatedCheckpointHook',
    'VisualizationHook',
]
