"""Counterfactual inference.

Shape shorthand: N objects, P pairs, C object classes, R predicates, d values of
an object's representation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..relation_heads.head_outputs import ObjectContext, RegionFeatures
from .base import Debiasing

EFFECTS = ('TDE', 'NIE', 'TE')


@MODELS.register_module()
class TotalDirectEffect(Debiasing):
    """Subtracts what the head predicts without knowing the objects of a pair.

    Tang et al., *Unbiased Scene Graph Generation from Biased Training*, CVPR
    2020. With the logits y of the pair features u, the representations x of the
    objects in context and the frequency prior f, and averages over training in the
    place of some of them (x', f'), tests use

    * ``'TDE'``: ``y(u, x, f) - y(u, x', f)``, the one to report;
    * ``'NIE'``: ``y(u, x', f) - y(u, x', f')``;
    * ``'TE'``: ``y(u, x, f) - y(u, x', f')``, their sum.

    x' is the average of ``context.representation``, f' the expected prior under
    the average class distribution of the objects. Averages are moving ones of the
    batches of training. A head takes part by its ``context_channels``.

    The reference implementation adds losses of each branch of its logits; here the
    head is trained as without the method.

    Args:
        num_predicates: R, without unknown.
        num_classes: C, without background.
        context_channels: d.
        effect: One of the above; may change after training. Defaults to
            ``'TDE'``.
        rate: Weight of a batch in the averages. The first batches have
            equal weights, because averages that start from zero would take
            1 / rate batches. Defaults to 0.0005.

    Raises:
        ValueError: If the effect is unknown, or needs a prior that the head
            has not.
    """

    def __init__(
        self,
        num_predicates: int,
        num_classes: int,
        context_channels: int,
        effect: str = 'TDE',
        rate: float = 0.0005,
    ) -> None:
        super().__init__(num_predicates)
        if effect not in EFFECTS:
            raise ValueError(
                f'relation_head.debiasing.effect must be one of {EFFECTS}, got {effect!r}'
            )
        if not 0 < rate <= 1:
            raise ValueError(f'relation_head.debiasing.rate must be within (0, 1], got {rate}')
        self.effect, self.rate = effect, rate
        self.register_buffer('mean_context', torch.zeros(context_channels))
        self.register_buffer('mean_classes', torch.zeros(num_classes + 1))
        # A float, because processes average their buffers.
        self.register_buffer('num_batches', torch.tensor(0.0))

    def check(self, head: nn.Module) -> None:
        """Check that the head has a prior if the effect is that of the prior."""
        if self.effect != 'TDE' and head.frequency_prior is None:
            raise ValueError(
                f'relation_head.debiasing.effect={self.effect!r} needs a frequency_prior, '
                f"which {type(head).__name__} has not: choose effect='TDE'"
            )

    def complete(self, metainfo: Mapping) -> None:
        """Check that training has filled the averages."""
        if not self.num_batches:
            raise ValueError(
                'relation_head.debiasing: the checkpoint holds no averages for '
                'TotalDirectEffect: train with it, or give a checkpoint of such a training'
            )

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Load a checkpoint; one without the method lacks the averages."""
        for name, value in self.named_buffers():
            state_dict.setdefault(f'{prefix}{name}', value)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.no_grad()
    def observe(
        self, head: nn.Module, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> None:
        """Update the averages by those of a batch."""
        if not len(context.labels):
            return
        self.num_batches += 1
        rate = max(self.rate, 1 / float(self.num_batches))
        classes = context.logits.softmax(dim=1)
        self.mean_context.lerp_(context.representation.mean(dim=0), rate)
        self.mean_classes.lerp_(classes.mean(dim=0), rate)

    def adjust(
        self,
        logits: Tensor,
        head: nn.Module,
        context: ObjectContext,
        regions: RegionFeatures,
        objects: ObjectBatch,
    ) -> Tensor:
        """Return the effect, see the class."""
        average = context._replace(
            representation=self.mean_context.expand_as(context.representation)
        )
        features = head.relation_features(average, regions, objects)
        labels = context.labels[regions.pairs]
        counterfactual = head.predicate_logits(features, labels)
        if self.effect == 'TDE':
            return logits - counterfactual
        prior = head.frequency_prior
        expected = torch.einsum('s,o,sop->p', self.mean_classes, self.mean_classes, prior.table)
        averaged = counterfactual - prior(*labels.unbind(1)) + expected
        return (logits if self.effect == 'TE' else counterfactual) - averaged
