"""The interface of context encoders.

Shape shorthand: N objects of a batch, C object classes, E values of a class
embedding, d_o features of an object.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod

import torch.nn as nn
from torch import Tensor

from mmsgp.structures import ObjectBatch

from ..relation_heads.head_outputs import (
    ObjectContext,
    ObjectEncoding,
    RegionFeatures,
)


class ContextEncoder(nn.Module, metaclass=ABCMeta):
    """Relates the objects of each image, before and after labelling.

    :class:`~mmsgp.models.relation_heads.RoleProductHead` builds it from
    ``context=dict(type=...)`` and adds the arguments below. The layers of an
    encoder become layers of the head, with the same names; it must have no
    parameters or buffers outside of layers.

    Args:
        num_classes: C, without background.
        object_channels: d_o.
        image_channels: Features of an image.
        embedding_dim: E.
    """

    @abstractmethod
    def encode_objects(
        self, classes: Tensor, regions: RegionFeatures, objects: ObjectBatch
    ) -> ObjectEncoding:
        """Object context: relate the objects and classify them.

        Args:
            classes: (N, E), embedded classes of the detector.
            regions: With features of the objects (N, d_o).
            objects: As in :meth:`RelationHead.encode_objects`.

        Returns:
            ObjectEncoding: Logits (N, C+1) and a representation of the
            objects, in the encoder's own size.
        """

    @abstractmethod
    def encode_edges(self, classes: Tensor, context: ObjectContext, objects: ObjectBatch) -> Tensor:
        """Edge context: relate the objects again, now that they have labels.

        Args:
            classes: (N, E), embedded labels.
            context: Result of :meth:`encode_objects`, and the labels.
            objects: The objects.

        Returns:
            Tensor: (N, 2 * d_o), each object as subject and as object.
        """
