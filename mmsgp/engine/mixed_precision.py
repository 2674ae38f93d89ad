"""Turning mixed precision on in a config."""
from __future__ import annotations

from mmengine.config import Config
from mmengine.device import get_device

from mmsgp.models.parsers import is_parser_config


def train_in_mixed_precision(cfg: Config) -> None:
    """Train in mixed precision, and validate so: ``--amp``.

    Args:
        cfg (Config): It is changed: float16 with a scaled loss on a GPU,
            bfloat16 on a CPU.

    Raises:
        ValueError: If the model cannot run in it on this machine.
    """
    _check_device(cfg)
    if get_device() == 'cpu':
        cfg.optim_wrapper.type = 'AutocastOptimWrapper'
    else:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    if cfg.get('val_cfg') is not None:
        cfg.val_cfg.fp16 = True


def predict_in_mixed_precision(cfg: Config) -> None:
    """Test in mixed precision, see :func:`train_in_mixed_precision`."""
    _check_device(cfg)
    cfg.test_cfg.fp16 = True


def _check_device(cfg: Config) -> None:
    if not is_parser_config(cfg.model) and get_device() == 'cpu':
        raise ValueError(
            f'--amp: a {cfg.model.type} alone needs a GPU for it, as MMCV '
            'pools and suppresses boxes in half precision on GPUs only. A '
            'SceneGraphParser does so in full precision and takes it on a '
            'CPU, too')
