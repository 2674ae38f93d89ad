from .dataset_priors_hook import DatasetPriorsHook
from .epoch_seed_hook import EpochSeedHook, seed_worker
from .invalid_loss_hook import InvalidLossHook

__all__ = [
    'DatasetPriorsHook', 'EpochSeedHook', 'InvalidLossHook', 'seed_worker'
]
