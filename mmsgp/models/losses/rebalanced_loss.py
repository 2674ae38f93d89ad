"""Cross-entropy that counts rare predicates more.

Shape shorthand: P relations, R predicates; class 0 is *unknown*.
"""
from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS

SCHEMES = ('inverse_frequency', 'class_balanced')


class _ClassCountLoss(nn.Module):
    """Takes the training set's numbers of relations when training starts.

    Until then all predicates count the same. *Unknown* is no predicate: its
    number depends on the sampling of pairs, and it is never predicted, so it
    counts as if it were an average one.

    Args:
        num_predicates: R.
        loss_weight: Defaults to 1.0.
    """

    def __init__(self, num_predicates: int, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        # Travels in the checkpoint, as the priors of the head do.
        self.register_buffer('predicate_values',
                             torch.zeros(num_predicates + 1))

    def load_statistics(self, statistics) -> None:
        """Take the numbers of relations of each predicate.

        Args:
            statistics: Of the training set.

        Raises:
            ValueError: If the data set has another number of predicates.
        """
        counts = torch.as_tensor(statistics.predicate_counts).double()
        if len(counts) + 1 != len(self.predicate_values):
            raise ValueError(
                f'the data set has {len(counts)} predicates, '
                f'{type(self).__name__} {len(self.predicate_values) - 1}: set '
                "its num_predicates to the data set's")
        self.predicate_values[1:] = self.transform_counts(counts)

    @abstractmethod
    def transform_counts(self, counts: Tensor) -> Tensor:
        """The values (R,) that are kept of the numbers of relations (R,).

        Predicates without a relation do not change those of the others.
        """


@MODELS.register_module()
class ReweightedCrossEntropyLoss(_ClassCountLoss):
    """Cross-entropy weighted by the label's rarity.

    Weights have a mean of 1 over the predicates that occur. ``'inverse_frequency'`` is
    ``1 / n``; ``'class_balanced'`` is ``(1 - beta) / (1 - beta ** n)`` (Cui et
    al., *Class-Balanced Loss Based on Effective Number of Samples*, CVPR
    2019). The loss is the weighted sum over relations by their number.

    Args:
        num_predicates: R.
        scheme: One of the two. Defaults to ``'class_balanced'``.
        beta: Of the second. Defaults to 0.999.
        loss_weight: Defaults to 1.0.
    """

    def __init__(self,
                 num_predicates: int,
                 scheme: str = 'class_balanced',
                 beta: float = 0.999,
                 loss_weight: float = 1.0) -> None:
        super().__init__(num_predicates, loss_weight)
        if scheme not in SCHEMES:
            raise ValueError(f'scheme is one of {SCHEMES}, got {scheme!r}')
        if not 0 <= beta < 1:
            raise ValueError(f'beta lies within [0, 1), got {beta}')
        self.scheme = scheme
        self.beta = beta

    def transform_counts(self, counts: Tensor) -> Tensor:
        present = counts > 0
        if self.scheme == 'inverse_frequency':
            weights = 1 / counts[present]
        else:
            weights = (1 - self.beta) / (1 - self.beta**counts[present])
        # Kept as what is added to 1, which zeros leave alone.
        values = torch.zeros_like(counts)
        values[present] = weights / weights.mean() - 1
        return values

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of logits (P, R+1) against labels (P,)."""
        if len(labels) == 0:
            return logits.sum() * 0
        losses = F.cross_entropy(logits, labels, reduction='none')
        weights = 1 + self.predicate_values[labels]
        return self.loss_weight * (weights * losses).mean()


@MODELS.register_module()
class LogitAdjustedLoss(_ClassCountLoss):
    """Cross-entropy of logits plus ``tau * log`` of the label frequency.

    In training the frequency is added to the logits, so that they learn what
    the frequency does not explain (Menon et al., *Long-tail Learning via Logit
    Adjustment*, ICLR 2021); relative to the average predicate.

    Args:
        num_predicates: R.
        tau: Defaults to 1.0.
        loss_weight: Defaults to 1.0.
    """

    def __init__(self,
                 num_predicates: int,
                 tau: float = 1.0,
                 loss_weight: float = 1.0) -> None:
        super().__init__(num_predicates, loss_weight)
        self.tau = tau

    def transform_counts(self, counts: Tensor) -> Tensor:
        mean = counts[counts > 0].mean()
        return self.tau * (counts.clamp(min=1) / mean).log()

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of logits (P, R+1) against labels (P,)."""
        if len(labels) == 0:
            return logits.sum() * 0
        return self.loss_weight * F.cross_entropy(
            logits + self.predicate_values, labels)
