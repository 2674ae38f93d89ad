"""Build and call the loss of a relation head."""

from __future__ import annotations

from inspect import signature

import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS


def build_relation_loss(cfg: dict, num_predicates: int) -> nn.Module:
    """Build a loss of predicate logits, which may depend on their number.

    Args:
        cfg: Config of the loss. If the loss takes ``num_predicates``, the
            head's number is filled in.
        num_predicates: R of the head.

    Raises:
        ValueError: If the config sets another number.
    """
    if 'num_predicates' not in signature(MODELS.get(cfg['type'])).parameters:
        return MODELS.build(cfg)
    named = cfg.get('num_predicates') or num_predicates
    if named != num_predicates:
        raise ValueError(
            f'loss_relation.num_predicates is {named}, but the relation head has '
            f"{num_predicates}: leave it out to use the head's"
        )
    return MODELS.build({**cfg, 'num_predicates': num_predicates})


def relation_loss(loss: nn.Module, logits: Tensor, labels: Tensor, classes: Tensor) -> Tensor:
    """Compute a loss of predicate logits; 0 with a gradient without pairs.

    Args:
        loss: Built by :func:`build_relation_loss`. One with ``takes_classes`` gets the
            classes, too.
        logits: (P, R+1).
        labels: (P,).
        classes: (P, 2), annotated classes of subject and object.
    """
    if not len(labels):
        return logits.sum() * 0
    return loss(logits, labels, *([classes] if getattr(loss, 'takes_classes', False) else []))
