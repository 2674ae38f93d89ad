from __future__ import annotations

import time
from pathlib import Path

from mmengine.hooks import LoggerHook

from mmsgp.registry import HOOKS
from mmsgp.utils.progress import PERIOD
from mmsgp.utils.unwritten import may_be_unwritten


@HOOKS.register_module()
class SteadyLoggerHook(LoggerHook):
    """MMEngine's ``LoggerHook``, which goes on if it cannot write a file.

    Where ``interval`` iterations take longer than 30 seconds, it also logs a line
    every 30 seconds, so that crowded images do not look like a standstill. These
    lines do not change the curves.

    Args:
        *args: Arguments of ``LoggerHook``.
        **kwargs: Arguments of ``LoggerHook``.
    """

    def _before_epoch(self, runner, mode: str = 'train') -> None:
        self._last_line = time.monotonic()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        self._log_slow_steps(runner, batch_idx, 'train')

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        super().after_val_iter(runner, batch_idx, data_batch, outputs)
        self._log_slow_steps(runner, batch_idx, 'val')

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        super().after_test_iter(runner, batch_idx, data_batch, outputs)
        self._log_slow_steps(runner, batch_idx, 'test')

    def _log_slow_steps(self, runner, batch_idx: int, mode: str) -> None:
        """Log a line if the last one is 30 seconds old."""
        now = time.monotonic()
        if self.every_n_inner_iters(batch_idx, self.interval):
            self._last_line = now
        elif now - self._last_line >= PERIOD:
            self._last_line = now
            _, line = runner.log_processor.get_log_after_iter(runner, batch_idx, mode)
            runner.logger.info(line)

    def after_test_epoch(self, runner, metrics: dict | None = None) -> None:
        """Log the results of a test and write them beside the log."""
        path = Path(runner.log_dir, self.json_log_path)
        with may_be_unwritten(path):
            try:
                super().after_test_epoch(runner, metrics)
            except OSError:
                path.unlink(missing_ok=True)
                raise
