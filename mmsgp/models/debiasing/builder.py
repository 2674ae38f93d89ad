"""Build the debiasing method of a relation head."""

from __future__ import annotations

from inspect import signature

import torch.nn as nn

from mmsgp.registry import MODELS


def build_debiasing(cfg: dict | None, head: nn.Module, **sizes: int | None) -> nn.Module | None:
    """Build a debiasing method and check that it goes with the head.

    Args:
        cfg: Config of the method, or None.
        head: The head, which already has its classifier, prior and loss.
        **sizes: Numbers of the head; a method gets those that it takes.

    Raises:
        ValueError: If the method does not go with the head.
    """
    if cfg is None:
        return None
    taken = signature(MODELS.get(cfg['type'])).parameters
    missing = [name for name, size in sizes.items() if name in taken and size is None]
    if missing:
        raise ValueError(
            f'relation_head.debiasing={cfg["type"]} needs a head that has {missing[0]}, '
            f'which {type(head).__name__} has not: choose another head or method'
        )
    method = MODELS.build({**cfg, **{k: v for k, v in sizes.items() if k in taken}})
    method.check(head)
    return method
