from __future__ import annotations

from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from torch.distributed import PrefixStore
from torch.distributed.distributed_c10d import _get_default_store

from mmsgp.engine.distributed import dist_timeout
from mmsgp.engine.rank_watch import RankWatch
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class RankWatchHook(Hook):
    """Names the process that the others wait for in vain.

    It logs this in a run of several processes, shortly before they stop after
    ``env_cfg.dist_cfg.timeout`` seconds; see
    :class:`~mmsgp.engine.rank_watch.RankWatch`.
    """

    def __init__(self) -> None:
        self._watch = None

    def before_run(self, runner) -> None:
        """Start the watch."""
        if get_world_size() > 1:
            # A separate connection: one that is waiting cannot answer others.
            store = PrefixStore('rank watch', _get_default_store().clone())
            self._watch = RankWatch(store, get_rank(), get_world_size(), dist_timeout(runner.cfg))
            self._watch.start()

    def _after_iter(self, runner, batch_idx, data_batch=None, outputs=None, mode='train') -> None:
        """Count a batch of training, validation or testing."""
        if self._watch is not None:
            self._watch.step()

    def after_run(self, runner) -> None:
        """Stop the watch."""
        if self._watch is not None:
            self._watch.stop()
