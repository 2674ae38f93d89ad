"""Logit adjustment after training.

Shape shorthand: P pairs, R predicates.
"""
from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..relation_heads.head_outputs import ObjectContext, RegionFeatures
from .base import Debiasing


@MODELS.register_module()
class PostHocLogitAdjustment(Debiasing):
    """Subtracts the log-frequency of each predicate in tests.

    ``y_p - tau * log(n_p / sum_q n_q)``, with the number n of relations per
    predicate in the training set (Menon et al., *Long-tail Learning via Logit
    Adjustment*, ICLR 2021). *Unknown* keeps its logit. A predicate without a
    relation is treated as if it had one.

    Args:
        num_predicates: R, without unknown.
        tau: Strength; may change after training. Defaults to 0.3.
    """

    def __init__(self, num_predicates: int, tau: float = 0.3) -> None:
        super().__init__(num_predicates)
        self.tau = tau
        self.register_buffer('log_frequency', torch.zeros(num_predicates))

    def load_statistics(self, statistics) -> None:
        """Take the number of relations per predicate.

        Raises:
            ValueError: If the data set has another number of predicates.
        """
        counts = torch.as_tensor(statistics.predicate_counts).double()
        if len(counts) != self.num_predicates:
            raise ValueError(
                f'the data set has {len(counts)} predicates, but the relation '
                f'head has {self.num_predicates}: set num_predicates of the '
                "relation head to the data set's")
        self.log_frequency.copy_((counts.clamp(min=1) / counts.sum()).log())

    def adjust(self, logits: Tensor, head: nn.Module, context: ObjectContext,
               regions: RegionFeatures, objects: ObjectBatch) -> Tensor:
        """Make rare predicates more likely, see :class:`Debiasing`."""
        return logits - self.tau * nn.functional.pad(self.log_frequency, (1, 0))
