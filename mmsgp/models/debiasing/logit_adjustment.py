"""Logit adjustment after training.

Shape shorthand: P pairs, R predicates.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

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

    A checkpoint of a model without it may be tested with it: the numbers are
    then the ``predicate_train_counts`` of the data set.

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
        self._fill(torch.as_tensor(statistics.predicate_counts).double())

    def complete(self, metainfo: Mapping) -> None:
        """Take ``predicate_train_counts``, unless the checkpoint has numbers.

        Raises:
            ValueError: If there are none, or not one per predicate.
        """
        if self.log_frequency.any():
            return
        counts = metainfo.get('predicate_train_counts')
        if not _are_counts(counts):
            raise ValueError(
                'relation_head.debiasing: neither the checkpoint nor the data set '
                'holds numbers of relations of each predicate '
                f"('predicate_train_counts' is {repr(counts)[:60]}): give a "
                'checkpoint of training, or train with this debiasing'
            )
        self._fill(torch.tensor(counts).double())

    def _fill(self, counts: Tensor) -> None:
        if len(counts) != self.num_predicates:
            raise ValueError(
                f'the data set has {len(counts)} predicates, but the relation '
                f'head has {self.num_predicates}: set num_predicates of the '
                "relation head to the data set's"
            )
        self.log_frequency.copy_((counts.clamp(min=1) / counts.sum()).log())

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Load a checkpoint; one without the method lacks the numbers."""
        state_dict.setdefault(f'{prefix}log_frequency', self.log_frequency)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def adjust(
        self,
        logits: Tensor,
        head: nn.Module,
        context: ObjectContext,
        regions: RegionFeatures,
        objects: ObjectBatch,
    ) -> Tensor:
        """Make rare predicates more likely, see :class:`Debiasing`."""
        return logits - self.tau * nn.functional.pad(self.log_frequency, (1, 0))


def _are_counts(values: object) -> bool:
    return (
        isinstance(values, (list, tuple))
        and any(values)
        and all(isinstance(value, Real) and 0 <= value < float('inf') for value in values)
    )
