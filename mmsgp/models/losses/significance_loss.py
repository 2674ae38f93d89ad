"""Losses of the Scorer: is a relation worth annotating?

Each is called as ``loss(logits, targets)`` with the significance before the
sigmoid (P,) and targets (P,), 1 where the pair is annotated, else 0.
"""
from __future__ import annotations

from abc import abstractmethod

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS


class _SignificanceLoss(nn.Module):
    """Mean over relations, times a weight; 0 if there is no relation.

    Args:
        loss_weight (float): Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    @abstractmethod
    def compare(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean loss over P > 0 relations."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of logits (P,) against targets (P,)."""
        if len(targets) == 0:
            return logits.sum() * 0
        return self.loss_weight * self.compare(logits, targets.to(logits))


@MODELS.register_module()
class SignificanceBCELoss(_SignificanceLoss):
    """Binary cross-entropy of the sigmoid (Huang et al., 2020)."""

    def compare(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, targets)


@MODELS.register_module()
class SignificanceMSELoss(_SignificanceLoss):
    """Squared error of the sigmoid."""

    def compare(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(logits.sigmoid(), targets)


@MODELS.register_module()
class SignificanceHingeLoss(_SignificanceLoss):
    """Hinge on the logit: ``max(0, 1 - t * logit)`` with t = -1 or 1."""

    def compare(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.relu(1 - (2 * targets - 1) * logits).mean()
