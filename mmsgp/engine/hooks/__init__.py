from .dataset_priors_hook import DatasetPriorsHook
from .epoch_seed_hook import EpochSeedHook, seed_worker
from .invalid_loss_hook import InvalidLossHook
from .validated_checkpoint_hook import ValidatedCheckpointHook

__all__ = [
    'DatasetPriorsHook', 'EpochSeedHook', 'InvalidLossHook',
    'ValidatedCheckpointHook', 'seed_worker'
]
