"""The loss of REACT++: adjusted logits, and soft targets of unknown pairs.

Shape shorthand: P pairs, C object classes, R predicates; class 0 is *unknown*.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS

from .rebalanced_loss import LogitAdjustedLoss

LIMIT = 50.0  # of adjusted logits
PRIOR_COUNT = 10  # relations of two classes that halve the softness


@MODELS.register_module()
class BalancedLogitAdjustedLoss(LogitAdjustedLoss):
    """Weighted cross-entropy of adjusted logits, with soft targets of unknown pairs.

    ``tau * log(share)`` of each predicate is added to the logits in training only; its
    share is that of all annotated relations and candidate pairs, which count as unknown.
    An unknown pair of classes with n > 0 annotated relations may only lack its annotation:
    its target is ``(1 - s) * unknown + s * P(predicate | classes)`` with ``s = softness *
    n / (n + 10)``. The loss is ``sum(w * (1 - p) ** gamma * CE) / max(1, sum(w))`` with
    ``w = unknown_weight`` of unknown and ``2 * (1 - unknown_weight)`` of annotated pairs,
    and p the probability of the label. Source: REACT++ of SGG-Benchmark, with its defaults
    on Visual Genome; on PSG it takes ``unknown_weight=0.15`` and ``softness=0.3``.

    The numbers come from the training set when training starts. Until then nothing is
    adjusted, and all targets are hard.

    Args:
        num_predicates: R.
        tau: Strength of the adjustment. Defaults to 0.5.
        gamma: Focusing exponent, at least 0. Defaults to 0.0.
        unknown_weight: Within 0 .. 1. Defaults to 0.25.
        softness: Within 0 .. 1. Defaults to 0.4.
        loss_weight: Defaults to 1.0.

    Raises:
        ValueError: If a number is out of its range.
    """

    takes_classes = True

    def __init__(
        self,
        num_predicates: int,
        tau: float = 0.5,
        gamma: float = 0.0,
        unknown_weight: float = 0.25,
        softness: float = 0.4,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_predicates, tau, loss_weight)
        for name, value in (('unknown_weight', unknown_weight), ('softness', softness)):
            if not 0 <= value <= 1:
                raise ValueError(f'loss_relation.{name} must be within 0 .. 1, got {value}')
        if gamma < 0:
            raise ValueError(f'loss_relation.gamma must be at least 0, got {gamma}')
        self.gamma, self.unknown_weight, self.softness = gamma, unknown_weight, softness
        # s * P(predicate | classes), (C+1, C+1, R+1); training starts with it.
        self.register_buffer(
            'soft_targets', torch.zeros(0, 0, num_predicates + 1), persistent=False
        )

    def load_statistics(self, statistics) -> None:
        """Take shares of predicates and the relations of classes.

        Args:
            statistics: Of the training set.

        Raises:
            ValueError: If the data set has another number of predicates.
        """
        super().load_statistics(statistics)
        counts = torch.as_tensor(statistics.triplet_counts).double()  # (C+1, C+1, R+1)
        totals = counts.sum(dim=(0, 1))
        totals[0] -= counts[..., 0].numel()  # each pair of classes has one pair too many
        totals = totals.clamp(min=1)
        self.predicate_values.copy_(self.tau * (totals / totals.sum()).log())
        counts[..., 0] = 0
        number = counts.sum(dim=2, keepdim=True)
        soft = self.softness * counts / (number + PRIOR_COUNT)  # s * counts / number
        self.soft_targets = soft.to(self.predicate_values)

    def forward(self, logits: Tensor, labels: Tensor, classes: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits: (P, R+1).
            labels: (P,).
            classes: (P, 2), annotated classes of subject and object, C is background.
        """
        if len(labels) == 0:
            return logits.sum() * 0
        log_probs = (logits + self.predicate_values).clamp(-LIMIT, LIMIT).log_softmax(dim=1)
        targets = F.one_hot(labels, logits.shape[1]).to(log_probs)
        unknown = (labels == 0).to(log_probs)
        if len(self.soft_targets):
            soft = self.soft_targets[tuple(classes.T)] * unknown[:, None]
            targets = targets + soft
            targets[:, 0] -= soft.sum(dim=1)
        losses = -(targets * log_probs).sum(dim=1)
        true = log_probs.gather(1, labels[:, None]).squeeze(1).exp()
        weights = unknown * self.unknown_weight + (1 - unknown) * 2 * (1 - self.unknown_weight)
        total = (weights * (1 - true) ** self.gamma * losses).sum()
        return self.loss_weight * total / weights.sum().clamp(min=1)
