"""Contrasting Cross-Entropy.

Shape shorthand: P relations, R predicates; class 0 is *unknown*.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS

UNKNOWN = 0


def cce_loss(logits: Tensor, labels: Tensor, margin: float = 0.0) -> Tensor:
    r"""Contrasting Cross-Entropy of each relation.

    .. math:: \max(CE(p, y) - CE(p, c) + \alpha, 0), \quad
        c = \arg\max_{j \ne 0, j \ne y} p_j

    The hardest negative ``c`` is the most probable class other than *unknown*
    and the true one. Its choice is not differentiated; gradients flow through
    both terms (Huang et al., 2020).

    Args:
        logits: (P, R+1), with R >= 2.
        labels: (P,), within 0 .. R.
        margin: alpha. Defaults to 0.

    Returns:
        Tensor: (P,).

    Raises:
        ValueError: If there are fewer than two predicates.

    Example:
        >>> logits = torch.tensor([[3., 1., 2.]])
        >>> cce_loss(logits, torch.tensor([1]))  # hardest negative: 2
        tensor([1.])
    """
    if logits.shape[1] < 3:
        raise ValueError(
            'CCE needs at least two predicates besides unknown, got '
            f'logits of shape {tuple(logits.shape)}'
        )
    log_probs = F.log_softmax(logits, dim=1)
    excluded = torch.zeros_like(logits, dtype=torch.bool)
    excluded[:, UNKNOWN] = True
    excluded.scatter_(1, labels[:, None], True)
    negatives = log_probs.masked_fill(excluded, -torch.inf).argmax(dim=1)
    contrast = log_probs.gather(1, negatives[:, None]) - log_probs.gather(1, labels[:, None])
    return F.relu(contrast.squeeze(1) + margin)


@MODELS.register_module()
class CCELoss(nn.Module):
    """Mean :func:`cce_loss` over relations; 0 without relations.

    Args:
        margin: alpha. Defaults to 0.0.
        loss_weight: Defaults to 1.0.
    """

    def __init__(self, margin: float = 0.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.margin = margin
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of logits (P, R+1) against labels (P,)."""
        if len(labels) == 0:
            return logits.sum() * 0
        loss = cce_loss(logits, labels, self.margin).mean()
        return self.loss_weight * loss
