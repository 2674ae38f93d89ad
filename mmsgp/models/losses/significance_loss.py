"""Losses of the Scorer: is a relation worth annotating?

Call them as ``loss(logits, targets)``: significance before the sigmoid (P,), and
targets (P,), 1 if the pair is annotated, else 0.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS


class _SignificanceLoss(nn.Module):
    """Weighted mean over relations; 0 without relations.

    Args:
        loss_weight: Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    @abstractmethod
    def compare(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss over P > 0 relations."""

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
    """Squared error of the sigmoid, or of the raw score.

    Args:
        loss_weight: Defaults to 1.0.
        raw: Compare the score before the sigmoid with 0 or 1, as the authors'
            code does. Defaults to False.
    """

    def __init__(self, loss_weight: float = 1.0, raw: bool = False) -> None:
        super().__init__(loss_weight)
        self.raw = raw

    def compare(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(logits if self.raw else logits.sigmoid(), targets)


@MODELS.register_module()
class SignificanceHingeLoss(_SignificanceLoss):
    """Hinge on the logit: ``max(0, 1 - t * logit)`` with t = -1 or 1."""

    def compare(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.relu(1 - (2 * targets - 1) * logits).mean()


@MODELS.register_module()
class SignificanceRankingLoss(_SignificanceLoss):
    """Hinge on the order within the batch, after the authors' code.

    An annotated relation should score higher than the best unannotated one, and
    an unannotated one lower than the worst annotated one, each by a margin:
    ``max(0, m - (s_i - max s_neg))`` and ``max(0, m - (min s_pos - s_j))`` of
    the scores s before the sigmoid. The loss is the mean over all relations; it
    is 0 if all are annotated or none is.

    Args:
        loss_weight: Defaults to 1.0.
        margin: m. The authors did not publish theirs. Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0, margin: float = 1.0) -> None:
        super().__init__(loss_weight)
        self.margin = margin

    def compare(self, logits: Tensor, targets: Tensor) -> Tensor:
        annotated = targets > 0
        best_other = logits.masked_fill(annotated, -torch.inf).max()
        worst_annotated = logits.masked_fill(~annotated, torch.inf).min()
        lead = torch.where(annotated, logits - best_other, worst_annotated - logits)
        # If all or none are annotated, the lead is infinite and the hinge 0.
        return F.relu(self.margin - lead).mean()
