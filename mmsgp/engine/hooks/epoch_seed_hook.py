import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import FUNCTIONS

from mmsgp.registry import HOOKS


def _seed_all(*entropy: int) -> None:
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - MMCV's transforms draw from it
    torch.manual_seed(seed)


@FUNCTIONS.register_module()
def seed_worker(worker_id: int) -> None:
    """Seed a data worker from the state of the process that starts it.

    MMEngine's default gives a worker the same seed in every epoch.

    Args:
        worker_id (int): Index of the worker.
    """
    _seed_all(torch.initial_seed() % 2**63)


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds all generators anew at the start of each epoch.

    The random numbers of an epoch then depend on the run's seed, the epoch
    and the process alone, so that a killed run, resumed from its last
    checkpoint, ends where the uninterrupted one would. Data workers must not
    be persistent and take ``worker_init_fn=dict(type='seed_worker')``.
    """

    def before_train_epoch(self, runner) -> None:
        """Seed from (seed, epoch, rank)."""
        _seed_all(runner.seed, runner.epoch, get_rank())
