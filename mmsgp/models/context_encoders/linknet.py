"""The context of LinkNet: relational embeddings over objects and edges."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import RelationalEmbedding
from ..layers.object_sequences import in_order
from ..relation_heads.head_outputs import (
    ObjectContext,
    ObjectEncoding,
    RegionFeatures,
)
from .base import ContextEncoder


@MODELS.register_module()
class LinkNetContext(ContextEncoder):
    """Relational embeddings among the objects of an image (Woo et al., 2018).

    Object context: one over [visual feature, class embedding, image feature],
    and a second one that classifies. Edge context: two over [label embedding,
    object context].

    Args:
        num_classes: See :class:`ContextEncoder`, as the next three.
        object_channels: d_o.
        image_channels: Features of an image.
        embedding_dim: Size of a class embedding.
        hidden_size: Size of an object's context. Defaults to 256.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        object_channels: int,
        image_channels: int,
        embedding_dim: int,
        hidden_size: int = 256,
    ) -> None:
        super().__init__()
        self.object_context = RelationalEmbedding(
            object_channels + embedding_dim + image_channels, hidden_size
        )
        self.object_classifier = RelationalEmbedding(hidden_size, num_classes + 1)
        self.edge_context = RelationalEmbedding(embedding_dim + hidden_size, hidden_size)
        self.edge_roles = RelationalEmbedding(hidden_size, 2 * object_channels)

    def encode_objects(
        self, classes: Tensor, regions: RegionFeatures, objects: ObjectBatch
    ) -> ObjectEncoding:
        """See :meth:`ContextEncoder.encode_objects`."""
        images = regions.images.index_select(0, objects.image_ids)
        inputs = torch.cat([regions.objects, classes, images], dim=1)
        sequences = in_order(objects)
        _, hidden = self.object_context(inputs, sequences)
        hidden, logits = self.object_classifier(hidden, sequences)
        return ObjectEncoding(logits, hidden)

    def encode_edges(self, classes: Tensor, context: ObjectContext, objects: ObjectBatch) -> Tensor:
        """See :meth:`ContextEncoder.encode_edges`."""
        edges = torch.cat([classes, context.representation], dim=1)
        sequences = in_order(objects)
        _, edges = self.edge_context(edges, sequences)
        _, roles = self.edge_roles(edges, sequences)
        return roles
