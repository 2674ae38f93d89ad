"""Turn on mixed precision in a config."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.device import get_device

from mmsgp.models.parsers import is_parser_config


def train_in_mixed_precision(cfg: Config) -> None:
    """Train and validate in mixed precision (``--amp``).

    Args:
        cfg: Changed in place: float16 with a scaled loss on a GPU, bfloat16 on
            a CPU.

    Raises:
        ValueError: If this machine cannot run the model in mixed precision.
    """
    _check_device(cfg)
    if get_device() == 'cpu':
        cfg.optim_wrapper.type = 'AutocastOptimWrapper'
    else:
        cfg.optim_wrapper.type = 'SteadyAmpOptimWrapper'
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
            f'--amp: a {cfg.model.type} alone needs a GPU, because MMCV runs '
            'RoIAlign and NMS in half precision on GPUs only. A '
            'SceneGraphParser runs them in full precision, so that --amp '
            'works on a CPU, too'
        )
