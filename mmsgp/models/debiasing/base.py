"""The interface of debiasing methods.

Shape shorthand: P pairs, R predicates.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping

import torch.nn as nn
from torch import Tensor

from mmsgp.structures import ObjectBatch

from ..relation_heads.head_outputs import ObjectContext, RegionFeatures


class Debiasing(nn.Module, metaclass=ABCMeta):
    """Changes the predicate logits of any relation head in tests.

    A head builds it from ``debiasing=dict(type=...)`` and adds
    ``num_predicates``. It is part of the head: its counts and averages are
    buffers, and are saved in the checkpoint. The Scorer still gets the original
    logits, with which it was trained.

    A method uses one or more of three sources:

    * the training set: :meth:`load_statistics`, see
      :class:`~mmsgp.models.debiasing.PostHocLogitAdjustment`;
    * outputs of the head in training: :meth:`observe`;
    * a second run of a part of the head: :meth:`adjust` gets the head.

    Total Direct Effect (Tang et al., 2020) takes the last two. ``observe``
    updates a moving average m of ``context.representation``. ``adjust``
    replaces that representation by m, and subtracts the logits that the head
    then computes, without knowing the objects of a pair::

        average = context._replace(
            representation=m.expand_as(context.representation))
        features = head.relation_features(average, regions, objects)
        labels = context.labels[regions.pairs]
        return logits - head.predicate_logits(features, labels)

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

    @abstractmethod
    def adjust(
        self,
        logits: Tensor,
        head: nn.Module,
        context: ObjectContext,
        regions: RegionFeatures,
        objects: ObjectBatch,
    ) -> Tensor:
        """Change the logits of some pairs.

        Args:
            logits: (P, R+1), unknown first.
            head: The head.
            context: Its output of step 1.
            regions: These pairs, of some or all images, and their features.
            objects: All objects of the batch.

        Returns:
            Tensor: (P, R+1).
        """
