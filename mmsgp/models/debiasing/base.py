"""The interface of debiasing methods.

Shape shorthand: P pairs, R predicates.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn as nn
from torch import Tensor

from mmsgp.structures import ObjectBatch

from ..relation_heads.head_outputs import ObjectContext, RegionFeatures, RelationOutput


class Debiasing(nn.Module):
    """Changes the predicate logits of any relation head, in training or in tests.

    A head builds it from ``debiasing=dict(type=...)`` and adds
    ``num_predicates`` and, for methods that take them, ``num_classes``,
    ``relation_channels`` (d_p) and ``context_channels`` (values of an object's
    ``context.representation``). It is part of the head: what tests need is in
    its buffers, and is saved in the checkpoint. The Scorer still gets the original
    logits, with which it was trained.

    A method uses one or more of four sources:

    * the training set: :meth:`load_statistics`, see
      :class:`~mmsgp.models.debiasing.PostHocLogitAdjustment`;
    * outputs of the head in training: :meth:`observe`;
    * a second run of a part of the head: :meth:`adjust` gets the head, see
      :class:`~mmsgp.models.debiasing.TotalDirectEffect`;
    * the loss: :meth:`loss`, see :class:`~mmsgp.models.debiasing.Resistance`.

    Args:
        num_predicates: R, without unknown.
    """

    def __init__(self, num_predicates: int) -> None:
        super().__init__()
        self.num_predicates = num_predicates

    def load_statistics(self, statistics) -> None:
        """Take statistics of the training set, when training starts.

        Args:
            statistics: Of the training set.
        """

    def complete(self, metainfo: Mapping) -> None:
        """Fill in the numbers that are missing if training did not use the method.

        Args:
            metainfo: Of the test data or of the checkpoint.

        Raises:
            ValueError: If it lacks these numbers, too.
        """

    def check(self, head: nn.Module) -> None:
        """Check that the method goes with a head, when the head is built.

        Raises:
            ValueError: If it does not.
        """

    def observe(
        self, head: nn.Module, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> None:
        """Look at a training batch.

        Args:
            head: The head.
            context: Its output of step 1.
            regions: All sampled pairs and their features.
            objects: The objects.
        """

    def loss(
        self,
        head: nn.Module,
        output: RelationOutput,
        regions: RegionFeatures,
        objects: ObjectBatch,
        targets: Tensor,
    ) -> dict[str, Tensor]:
        """Compute the losses of a training batch.

        Args:
            head: The head.
            output: All that it computed.
            regions: All sampled pairs and their features.
            objects: The objects.
            targets: (P,), predicates of the pairs, 0 is unknown.

        Returns:
            dict: As of :meth:`RelationHead.loss`.
        """
        self.observe(head, output.context, regions, objects)
        return head.loss_by_feat(output, objects, targets)

    def adjust(
        self,
        logits: Tensor,
        head: nn.Module,
        context: ObjectContext,
        regions: RegionFeatures,
        objects: ObjectBatch,
    ) -> Tensor:
        """Change the logits of some pairs in tests; by default, they stay.

        Args:
            logits: (P, R+1), unknown first.
            head: The head.
            context: Its output of step 1.
            regions: These pairs, of some or all images, and their features.
            objects: All objects of the batch.

        Returns:
            Tensor: (P, R+1).
        """
        return logits
