"""How a GPU computes with float32."""

from __future__ import annotations

from collections.abc import Mapping

import torch

KEYS = ('cudnn_benchmark', 'dist_cfg', 'float32_matmul', 'mp_cfg', 'resource_limit')
LEVELS = ('high', 'highest')


def set_float32_precision(env_cfg: Mapping) -> None:
    """Apply ``env_cfg.float32_matmul``.

    ``'high'``, the default, lets a GPU round the factors of matrix products and
    convolutions to TF32 (10 bits of mantissa), several times as fast. With
    ``'highest'`` they stay in float32. PyTorch's own default is TF32 in convolutions
    only. A CPU computes in float32 with both.

    Args:
        env_cfg: The config's.

    Raises:
        ValueError: If a key or the value is unknown.
    """
    for key in env_cfg:
        if key not in KEYS:
            raise ValueError(f'env_cfg.{key} is unknown: env_cfg may have the keys {KEYS}')
    level = env_cfg.get('float32_matmul', 'high')
    if level not in LEVELS:
        raise ValueError(f'env_cfg.float32_matmul must be one of {LEVELS}, got {level!r}')
    torch.backends.cuda.matmul.allow_tf32 = level == 'high'
    torch.backends.cudnn.allow_tf32 = level == 'high'
