"""Cross-entropy that gives rare predicates more weight.

Shape shorthand: P relations, R predicates; class 0 is *unknown*.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS

SCHEMES = ('inverse_frequency', 'class_balanced', 'median_frequency')


class ClassCountLoss(nn.Module):
    """Base of losses that use the number of relations per predicate.

    The numbers come from the training set when training starts; until then all
    predicates have the same weight. *Unknown* has that of an average predicate,
    because its number depends on the sampling of pairs and it is never
    predicted.

    Args:
        num_predicates: R.
        loss_weight: Defaults to 1.0.
    """

    def __init__(self, num_predicates: int, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        # Saved in the checkpoint, as the priors of the head are.
        self.register_buffer('predicate_values', torch.zeros(num_predicates + 1))

    def load_statistics(self, statistics) -> None:
        """Take the number of relations per predicate.

        Args:
            statistics: Of the training set.

        Raises:
            ValueError: If the data set has another number of predicates.
        """
        counts = torch.as_tensor(statistics.predicate_counts).double()
        if len(counts) + 1 != len(self.predicate_values):
            raise ValueError(
                f'the data set has {len(counts)} predicates, but '
                f'{type(self).__name__} has {len(self.predicate_values) - 1}: '
                "set its num_predicates to the data set's"
            )
        self.predicate_values[1:] = self.transform_counts(counts)

    @abstractmethod
    def transform_counts(self, counts: Tensor) -> Tensor:
        """Map numbers of relations (R,) to the values that the loss uses (R,).

        Predicates without a relation do not change the values of others.
        """


@MODELS.register_module()
class ReweightedCrossEntropyLoss(ClassCountLoss):
    """Cross-entropy weighted by the label's rarity.

    With n relations of a predicate its weight is ``1 / n``
    (``'inverse_frequency'``) or ``(1 - beta) / (1 - beta ** n)``
    (``'class_balanced'``: Cui et al., *Class-Balanced Loss Based on Effective
    Number of Samples*, CVPR 2019), divided by the mean over the predicates that
    occur. With ``'median_frequency'`` it is ``median(n) / n``, and *unknown* weighs
    as the predicate with the median (Zhang et al., *Fine-Grained Scene Graph
    Generation with Data Transfer*, ECCV 2022). The loss is the weighted sum over
    relations, divided by their number.

    Args:
        num_predicates: R.
        scheme: Formula of the weights. Defaults to ``'class_balanced'``.
        beta: Of ``'class_balanced'``, in [0, 1). Defaults to 0.999.
        loss_weight: Defaults to 1.0.
    """

    def __init__(
        self,
        num_predicates: int,
        scheme: str = 'class_balanced',
        beta: float = 0.999,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_predicates, loss_weight)
        if scheme not in SCHEMES:
            raise ValueError(f'loss_relation.scheme must be one of {SCHEMES}, got {scheme!r}')
        if not 0 <= beta < 1:
            raise ValueError(f'loss_relation.beta must be at least 0 and below 1, got {beta}')
        self.scheme = scheme
        self.beta = beta

    def transform_counts(self, counts: Tensor) -> Tensor:
        present = counts > 0
        if self.scheme == 'inverse_frequency':
            weights = 1 / counts[present]
        elif self.scheme == 'median_frequency':
            weights = counts[present].quantile(0.5) / counts[present]
        else:
            weights = (1 - self.beta) / (1 - self.beta ** counts[present])
        # Stored as weight - 1, so that the initial zeros mean a weight of 1.
        values = torch.zeros_like(counts)
        scale = 1 if self.scheme == 'median_frequency' else weights.mean()
        values[present] = weights / scale - 1
        return values

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of logits (P, R+1) against labels (P,)."""
        if len(labels) == 0:
            return logits.sum() * 0
        losses = F.cross_entropy(logits, labels, reduction='none')
        weights = 1 + self.predicate_values[labels]
        return self.loss_weight * (weights * losses).mean()


@MODELS.register_module()
class LogitAdjustedLoss(ClassCountLoss):
    """Cross-entropy of logits plus ``tau * log`` of the label frequency.

    The frequency, relative to the average predicate's, is added to the logits in
    training only, so that they learn what it does not explain (Menon et al.,
    *Long-tail Learning via Logit Adjustment*, ICLR 2021).

    Args:
        num_predicates: R.
        tau: Strength of the adjustment. Defaults to 1.0.
        loss_weight: Defaults to 1.0.
    """

    def __init__(self, num_predicates: int, tau: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__(num_predicates, loss_weight)
        self.tau = tau

    def transform_counts(self, counts: Tensor) -> Tensor:
        mean = counts[counts > 0].mean()
        return self.tau * (counts.clamp(min=1) / mean).log()

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of logits (P, R+1) against labels (P,)."""
        if len(labels) == 0:
            return logits.sum() * 0
        return self.loss_weight * F.cross_entropy(logits + self.predicate_values, labels)
