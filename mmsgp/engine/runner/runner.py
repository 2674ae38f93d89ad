from __future__ import annotations

import logging
from pathlib import Path

import torch
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmsgp.engine.float32_precision import set_float32_precision
from mmsgp.registry import RUNNERS
from mmsgp.utils.files import replacing
from mmsgp.utils.unwritten import may_be_unwritten

from .schedule import check_schedule


@RUNNERS.register_module()
class SceneGraphRunner(Runner):
    """MMEngine's Runner, which goes on if a log cannot be written.

    It refuses to resume with another schedule than that of the checkpoint.

    It goes on inside :func:`~mmsgp.utils.unwritten.collecting_unwritten`, as in
    ``tools/train.py`` and ``tools/test.py``; elsewhere it raises the error.

    It also applies ``env_cfg.float32_matmul``
    (:func:`~mmsgp.engine.float32_precision.set_float32_precision`), and lets data
    loaders pin their memory where there is a GPU, unless the config sets
    ``pin_memory``.
    """

    def setup_env(self, env_cfg: dict) -> None:
        """Set up processes and arithmetic."""
        set_float32_precision(env_cfg)
        super().setup_env(env_cfg)

    @staticmethod
    def build_dataloader(dataloader: DataLoader | dict, *args, **kwargs) -> DataLoader:
        """Build a data loader whose images a GPU takes without being waited for."""
        if not isinstance(dataloader, DataLoader):
            dataloader = {'pin_memory': torch.cuda.is_available(), **dataloader}
        return Runner.build_dataloader(dataloader, *args, **kwargs)

    def build_logger(
        self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs
    ) -> MMLogger:
        """Build a logger that logs to the terminal only if the file fails."""
        log_file = log_file or str(Path(self._log_dir, f'{self.timestamp}.log'))
        logger = None
        with may_be_unwritten(log_file):
            logger = super().build_logger(log_level, log_file, **kwargs)
        if logger is None:
            logger = MMLogger.get_instance(
                self._experiment_name, logger_name='mmengine', log_level=log_level
            )
        logger.addFilter(_is_ours_to_mend)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handleError = _log_once(handler)
        return logger

    def load_checkpoint(self, filename: str, *args, **kwargs) -> dict:
        """Load weights; to resume, the schedule must be that of the checkpoint.

        Raises:
            ValueError: See :func:`~.schedule.check_schedule`.
        """
        checkpoint = super().load_checkpoint(filename, *args, **kwargs)
        if self._resume and self._train_loop is not None:
            check_schedule(self.cfg, checkpoint.get('meta') or {}, filename)
        return checkpoint

    def dump_config(self) -> None:
        """Write the config into the work directory, completely or not at all."""
        if is_main_process():
            path = Path(self.work_dir, Path(self.cfg.filename or f'{self.timestamp}.py').name)
            with may_be_unwritten(path), replacing(path) as draft:
                draft.write_text(self.cfg.pretty_text, encoding='utf-8')


def _is_ours_to_mend(record: logging.LogRecord) -> bool:
    """Leave out what MMEngine says about its own use of its old names."""
    return not str(record.msg).startswith(('"FileClient" will be dep', '"HardDiskBackend" is the'))


def _log_once(handler: logging.FileHandler):
    """Replace ``handleError``, which prints a traceback per line."""

    def handle_error(record: logging.LogRecord) -> None:
        handler.setLevel(logging.CRITICAL + 1)  # it logs nothing more
        with may_be_unwritten(handler.baseFilename):
            raise

    return handle_error
