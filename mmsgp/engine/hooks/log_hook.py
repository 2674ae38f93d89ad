from __future__ import annotations

from pathlib import Path

from mmengine.hooks import LoggerHook

from mmsgp.registry import HOOKS
from mmsgp.utils.unwritten import may_be_unwritten


@HOOKS.register_module()
class SteadyLoggerHook(LoggerHook):
    """MMEngine's ``LoggerHook``, which goes on if it cannot write a file.

    Args:
        *args: Arguments of ``LoggerHook``.
        **kwargs: Arguments of ``LoggerHook``.
    """

    def after_test_epoch(self, runner, metrics: dict | None = None) -> None:
        """Log the results of a test and write them beside the log."""
        path = Path(runner.log_dir, self.json_log_path)
        with may_be_unwritten(path):
            try:
                super().after_test_epoch(runner, metrics)
            except OSError:
                path.unlink(missing_ok=True)
                raise
