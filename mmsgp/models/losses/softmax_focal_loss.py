"""Focal loss over mutually exclusive classes.

Shape shorthand: P relations, R predicates.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS


def softmax_focal_loss(logits: Tensor, labels: Tensor, gamma: float = 4.0) -> Tensor:
    """Focal loss ``-(1 - p_y) ** gamma * log(p_y)`` of each relation.

    ``p`` is the softmax; the focal loss of detection (Lin et al., 2017) uses the
    sigmoid. The weight is differentiated, too.

    Args:
        logits: (P, R+1).
        labels: (P,), within 0 .. R.
        gamma: Focusing exponent. Defaults to 4.

    Returns:
        Tensor: (P,).
    """
    log_probs = F.log_softmax(logits, dim=1)
    log_true = log_probs.gather(1, labels[:, None]).squeeze(1)
    # expm1 keeps 1 - p_y exact for p_y near 1. At 0 the slope of a power
    # below 1 is infinite, hence the minimum.
    tiny = torch.finfo(logits.dtype).tiny
    return -((-log_true.expm1()).clamp(min=tiny) ** gamma) * log_true


@MODELS.register_module()
class SoftmaxFocalLoss(nn.Module):
    """Mean :func:`softmax_focal_loss` over relations; 0 without relations.

    Args:
        gamma: Defaults to 4.0.
        loss_weight: Defaults to 1.0; the paper's experiments use 10 for LinkNet
            and 100 for MotifNet.
    """

    def __init__(self, gamma: float = 4.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.gamma = gamma
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of logits (P, R+1) against labels (P,)."""
        if len(labels) == 0:
            return logits.sum() * 0
        loss = softmax_focal_loss(logits, labels, self.gamma).mean()
        return self.loss_weight * loss
