"""Group collaborative learning.

Shape shorthand: P pairs, R predicates, K groups and classifiers, S_k predicates
of the groups 1 .. k.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import SummedLinear
from ..losses.rebalanced_loss import ClassCountLoss
from ..relation_heads.head_outputs import RegionFeatures, RelationOutput
from .base import Debiasing


@MODELS.register_module()
class GroupCollaborativeLearning(Debiasing):
    """Trains classifiers of more and more predicates, each on balanced samples.

    GCL (Dong et al., *Stacked Hybrid-Attention and Group Collaborative Learning*,
    CVPR 2022). Predicates, the most frequent first, are split into groups of
    similar frequency. Classifier k knows the groups 1 .. k; the last is the head's
    own, and the only one in tests. A frequent relation trains few classifiers, a
    rare one all; see :meth:`choose`. Each classifier also learns from those before
    it, by the divergence of their distributions. They share the frequency prior.

    Args:
        num_predicates: R, without unknown.
        relation_channels: Size of a relation's feature.
        groups: Sizes of the groups, with the sum R, e.g. of
            :func:`frequency_groups`.
        distill_weight: Of the divergences. Defaults to 1.0.
        other_weight: Weight of relations whose predicate a classifier does
            not know, and of unknown ones, in its divergence. Defaults to 0.1.

    Raises:
        ValueError: If the sizes are not positive or have another sum, or the
            head's classifier or loss cannot be split into groups.
    """

    def __init__(
        self,
        num_predicates: int,
        relation_channels: int,
        groups: Sequence[int],
        distill_weight: float = 1.0,
        other_weight: float = 0.1,
    ) -> None:
        super().__init__(num_predicates)
        if not groups or min(groups) < 1 or sum(groups) != num_predicates:
            raise ValueError(
                'relation_head.debiasing.groups must be positive numbers with the sum '
                f'{num_predicates}, the number of predicates, got {tuple(groups)}'
            )
        self.ends = tuple(accumulate(groups))  # S_1 .. S_K
        self.distill_weight, self.other_weight = distill_weight, other_weight
        self.classifiers = nn.ModuleList(
            nn.Linear(relation_channels, end + 1) for end in self.ends[:-1]
        )
        for classifier in self.classifiers:
            nn.init.xavier_normal_(classifier.weight)
        group_of = [0, *(k for k, size in enumerate(groups, 1) for _ in range(size))]
        # Of training only: order (R+1,), predicates by frequency, unknown first;
        # its inverse; sampling rates (K, R+1).
        for name, value in (
            ('group_of', torch.tensor(group_of)),
            ('order', torch.arange(num_predicates + 1)),
            ('place', torch.arange(num_predicates + 1)),
            ('rates', torch.ones(len(groups), num_predicates + 1)),
        ):
            self.register_buffer(name, value, persistent=False)

    def check(self, head: nn.Module) -> None:
        """Check that classifier and loss can be split into groups."""
        if not isinstance(head.fc_predicate, (nn.Linear, SummedLinear)):
            raise ValueError(
                'relation_head.debiasing=GroupCollaborativeLearning needs a linear classifier, '
                f'which {type(head).__name__} has not: choose another head or method'
            )
        if isinstance(head.loss_relation, ClassCountLoss):
            raise ValueError(
                'relation_head.debiasing=GroupCollaborativeLearning samples by frequency, as '
                f'loss_relation={type(head.loss_relation).__name__} weighs: choose a loss '
                'without numbers of relations'
            )

    def load_statistics(self, statistics) -> None:
        """Take order and sampling rates of the predicates.

        Raises:
            ValueError: If the data set has another number of predicates.
        """
        counts = torch.as_tensor(statistics.predicate_counts).double()
        if len(counts) != self.num_predicates:
            raise ValueError(
                f'the data set has {len(counts)} predicates, but the relation head has '
                f"{self.num_predicates}: set num_predicates of the relation head to the data set's"
            )
        order = counts.argsort(descending=True, stable=True)
        self.order[1:] = order + 1
        self.place[self.order] = torch.arange(len(self.order), device=self.place.device)
        self.rates.copy_(sampling_rates(counts[order], self.ends))

    def loss(
        self,
        head: nn.Module,
        output: RelationOutput,
        regions: RegionFeatures,
        objects: ObjectBatch,
        targets: Tensor,
    ) -> dict[str, Tensor]:
        """Compute the losses of all classifiers, see :class:`Debiasing`."""
        losses = super().loss(head, output, regions, objects, targets)
        labels = self.place[targets]
        all_logits = self._logits(head, output, regions)
        depth = self.choose(labels)
        # Unused classifiers take part with 0: processes wait for all gradients.
        loss = sum(logits.sum() for logits in all_logits) * 0
        distillation = loss
        for k, (logits, end) in enumerate(zip(all_logits, self.ends), 1):
            chosen = depth[k - 1]
            if not chosen.any():
                continue
            known = labels[chosen]
            own = torch.where(known <= end, known, 0)
            loss = loss + head.loss_relation(logits[chosen], own)
            for teacher, teacher_end in zip(all_logits[: k - 1], self.ends):
                divergence = F.kl_div(
                    logits[chosen, 1 : teacher_end + 1].log_softmax(dim=1),
                    teacher[chosen, 1:].log_softmax(dim=1),
                    reduction='none',
                    log_target=True,
                ).sum(dim=1)
                taught = (known > 0) & (known <= teacher_end)
                weights = torch.where(taught, 1.0, self.other_weight)
                distillation = distillation + (weights * divergence).mean()
        losses['loss_relation'] = loss
        if self.classifiers:
            losses['loss_distillation'] = self.distill_weight * distillation
        return losses

    def _logits(
        self, head: nn.Module, output: RelationOutput, regions: RegionFeatures
    ) -> list[Tensor]:
        """Compute logits (P, S_k + 1) of each classifier, by frequency."""
        all_logits = [classifier(output.features) for classifier in self.classifiers]
        if head.frequency_prior is not None:
            labels = output.context.labels[regions.pairs]
            prior = head.frequency_prior(*labels.unbind(1))[:, self.order]
            all_logits = [logits + prior[:, : logits.shape[1]] for logits in all_logits]
        return [*all_logits, output.relation_logits[:, self.order]]

    def choose(self, labels: Tensor) -> Tensor:
        """Choose the pairs that train each classifier.

        A relation draws one number t in [0, 1). From the last classifier down, it
        stops at the first k with ``t <= rate_k`` of its predicate, or whose groups
        lack it; it trains the classifiers 1 .. k. An unknown pair trains one classifier,
        drawn at random. Classifiers beyond the group of the batch's rarest predicate are
        not trained.

        Args:
            labels: (P,), places of the predicates by frequency, 0 is unknown.

        Returns:
            Tensor: (K, P) bool.
        """
        used = max([1, *self.group_of[labels].tolist()])
        number = torch.arange(1, len(self.ends) + 1, device=labels.device)[:, None]  # (K, 1)
        drawn = torch.rand(len(labels), device=labels.device)
        stops = (drawn <= self.rates[:, labels]) | (number < self.group_of[labels])
        depth = torch.where(stops, number, 0).amax(dim=0)  # (P,)
        unknown = torch.randint(1, used + 1, labels.shape, device=labels.device)
        chosen = torch.where(labels > 0, number <= depth, number == unknown)
        return chosen & (number <= used)


def sampling_rates(counts: Tensor, ends: Sequence[int]) -> Tensor:
    """Compute the share of a predicate's relations that each classifier gets.

    ``1`` up to the median m_k of the counts that classifier k knows, else
    ``max(0.01, m_k / n)``; 0 for predicates that it lacks.

    Args:
        counts: (R,), relations of each predicate, the largest first.
        ends: S_1 .. S_K.

    Returns:
        Tensor: (K, R+1), unknown first, which has 1.
    """
    rates = torch.zeros(len(ends), len(counts) + 1, dtype=counts.dtype)
    rates[:, 0] = 1
    for row, end in zip(rates, ends):
        known = counts[:end].clamp(min=1)
        row[1 : end + 1] = (counts[:end].quantile(0.5) / known).clamp(0.01, 1)
    return rates


def frequency_groups(counts: Sequence[int], ratio: float = 4, most: int = 5) -> tuple[int, ...]:
    """Split predicates into groups of similar frequency.

    A group starts anew where a predicate has less than ``1 / ratio`` of the
    relations of the group's first one. With the defaults, Visual Genome's 50
    predicates are in groups of 4, 6, 9, 19 and 12, as published.

    Args:
        counts: Relations of each predicate, in any order.
        ratio: Defaults to 4.
        most: Largest number of groups; the last takes the rest. Defaults to 5.

    Returns:
        tuple: Sizes of the groups, the most frequent predicates first.

    Example:
        >>> frequency_groups([100, 30, 20, 6, 1])
        (2, 2, 1)
    """
    sizes, first = [], None
    for count in sorted(counts, reverse=True):
        if first is None or (count * ratio < first and len(sizes) < most):
            first = count
            sizes.append(0)
        sizes[-1] += 1
    return tuple(sizes)
