"""Resistance training bias.

Shape shorthand: P pairs, C object classes, R predicates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..losses.rebalanced_loss import LogitAdjustedLoss
from ..relation_heads.head_outputs import RegionFeatures, RelationOutput
from .base import Debiasing

BIASES = ('CB', 'VB', 'PB', 'EB')
UNKNOWN_SHARE = 0.02


@MODELS.register_module()
class Resistance(Debiasing):
    """Adds the log-share of each predicate to the logits, in training only.

    RTPB (Chen et al., *Resistance Training using Prior Bias*, AAAI 2022): rare
    predicates must reach larger logits, which they keep in tests. ``y_p + w *
    log(share_p + eps)``, with 0.02 for *unknown*. The shares, from the numbers n
    of annotated relations (subject class s, predicate p, object class o), are:

    * ``'CB'``: ``n_p / sum_q n_q``.
    * ``'VB'``: the number of pairs of classes that have p, divided by its sum.
    * ``'PB'``: ``n_spo / (sum_q n_sqo + eps)`` of the pair's classes. A
      predicate that never occurs with them gets 0.
    * ``'EB'``: the same with ``sqrt(n_sp * n_po)`` instead of ``n_spo``.

    Any loss gets the changed logits. ``acc_relation`` in the log is theirs, too.

    Args:
        num_predicates: R, without unknown.
        num_classes: C, without background.
        bias: One of the above. Defaults to ``'CB'``.
        weight: w. Defaults to 1.0.
        eps: Defaults to 1e-3.

    Raises:
        ValueError: If the bias is unknown, or the loss already adds the
            frequencies.
    """

    def __init__(
        self,
        num_predicates: int,
        num_classes: int,
        bias: str = 'CB',
        weight: float = 1.0,
        eps: float = 1e-3,
    ) -> None:
        super().__init__(num_predicates)
        if bias not in BIASES:
            raise ValueError(f'relation_head.debiasing.bias must be one of {BIASES}, got {bias!r}')
        self.bias, self.weight, self.eps = bias, weight, eps
        rows = num_classes + 1 if bias in ('PB', 'EB') else 1
        # Training starts with load_statistics, and tests do not need it.
        self.register_buffer('table', torch.zeros(rows, rows, num_predicates + 1), persistent=False)

    def check(self, head) -> None:
        """Refuse a loss that adds the frequencies, too."""
        if isinstance(head.loss_relation, LogitAdjustedLoss):
            raise ValueError(
                'relation_head.debiasing=Resistance and loss_relation=LogitAdjustedLoss '
                'both add log-frequencies: keep one of them'
            )

    def load_statistics(self, statistics) -> None:
        """Compute the resistance of the training set.

        Raises:
            ValueError: If it has other numbers of classes or predicates.
        """
        table = resistance(statistics.triplet_counts, self.bias, self.eps)
        if table.shape != self.table.shape:
            raise ValueError(
                f'the resistance of the data set has shape {tuple(table.shape)} (classes + 1, '
                f'classes + 1, predicates + 1), but the head needs {tuple(self.table.shape)}: '
                "set num_classes and num_predicates of the relation head to the data set's"
            )
        self.table.copy_(table)

    def loss(
        self,
        head,
        output: RelationOutput,
        regions: RegionFeatures,
        objects: ObjectBatch,
        targets: Tensor,
    ) -> dict[str, Tensor]:
        """Compute the losses of the changed logits, see :class:`Debiasing`."""
        labels = output.context.labels[regions.pairs]  # (P, 2)
        subjects, objects_ = labels.clamp(max=len(self.table) - 1).unbind(1)
        logits = output.relation_logits + self.weight * self.table[subjects, objects_]
        return super().loss(
            head, output._replace(relation_logits=logits), regions, objects, targets
        )


def resistance(triplet_counts, bias: str, eps: float = 1e-3) -> Tensor:
    """Compute the log-shares of :class:`Resistance`.

    Args:
        triplet_counts: (C+1, C+1, R+1), relations by subject class, object class and
            predicate; those of unknown are not used.
        bias: One of ``'CB'``, ``'VB'``, ``'PB'`` and ``'EB'``.
        eps: Added to shares and to the denominators of pairs.

    Returns:
        Tensor: (1, 1, R+1), or (C+1, C+1, R+1) for ``'PB'`` and ``'EB'``; float64.
    """
    counts = torch.as_tensor(triplet_counts)[..., 1:].double()
    if bias in ('CB', 'VB'):
        counts = counts if bias == 'CB' else (counts > 0).double()
        counts = counts.sum(dim=(0, 1), keepdim=True)
        table = (counts / counts.sum() + eps).log()
    else:
        if bias == 'EB':
            counts = (counts.sum(dim=1, keepdim=True) * counts.sum(dim=0, keepdim=True)).sqrt()
        table = (counts / (counts.sum(dim=-1, keepdim=True) + eps) + eps).log()
        table[counts == 0] = 0
    unknown = table.new_tensor(UNKNOWN_SHARE).log()
    return torch.cat([unknown.expand(*table.shape[:2], 1), table], dim=-1)
