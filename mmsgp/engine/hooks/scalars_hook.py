from __future__ import annotations

from collections import deque

from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import EpochBasedTrainLoop

from mmsgp.engine.host_copy import HostCopy
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class ScalarsHook(RuntimeInfoHook):
    """MMEngine's ``RuntimeInfoHook``, which does not wait for a GPU.

    Losses and the norm of the gradients enter the history one iteration later, or
    when they are logged or saved. On a CPU they enter it at once.
    """

    def __init__(self) -> None:
        self._copies: deque[HostCopy] = deque()

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Start to copy the scalars of this iteration; enter those of the last one."""
        wrapper, scalars = runner.optim_wrapper, {}
        if getattr(wrapper, 'grad_norm', None) is not None:
            scalars[wrapper.grad_name] = wrapper.grad_norm
            wrapper.grad_norm = None  # a step of gradient accumulation has none
        self._copies.append(HostCopy(scalars | dict(outputs or {})))
        is_read = not self._copies[-1].on_the_way or self._is_logged(runner, batch_idx)
        self._enter(runner, keep=0 if is_read else 1)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Complete the history, which is a part of the checkpoint."""
        if self._copies:
            self._enter(runner)
            checkpoint['message_hub'] = runner.message_hub.state_dict()

    def _is_logged(self, runner, batch_idx: int) -> bool:
        """Whether a logger reads the history after this iteration."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop) and self.end_of_epoch(
            runner.train_dataloader, batch_idx
        ):
            return True
        return self.is_last_train_iter(runner) or any(
            self.every_n_inner_iters(batch_idx, hook.interval)
            or self.every_n_train_iters(runner, hook.interval)
            for hook in runner.hooks
            if isinstance(hook, LoggerHook)
        )

    def _enter(self, runner, keep: int = 0) -> None:
        while len(self._copies) > keep:
            for name, value in self._copies.popleft().read().items():
                runner.message_hub.update_scalar(f'train/{name}', value)
