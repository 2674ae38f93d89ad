"""LinkNet: relational embeddings among the objects of an image.

Shape shorthand: N objects of a batch, P pairs, B images, C object classes.
"""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import (
    RelationalEmbedding,
    RelativeLayoutEncoding,
    full_precision,
)
from .head_outputs import ObjectContext, RegionFeatures
from .role_product_head import RoleProductHead, multiply_roles


@MODELS.register_module()
class LinkNetHead(RoleProductHead):
    """The base model of LinkNet (Woo et al., 2018).

    Object context: a relational embedding over [visual feature, class
    embedding, image feature], and a second one that classifies. Edge context:
    two relational embeddings over [label embedding, object context]. A
    relation is the product of subject, object and pair features, and an
    encoding of how the two boxes lie to each other. The image feature also
    learns which classes there are.

    Args:
        hidden_size (int): Size of an object's context. Defaults to 256.
        embedding_dim (int): Size of a class embedding. Defaults to 200.
        layout_dim (int): Size of the relative layout. Defaults to 128.
        dropout (float): Of the layout. Defaults to 0.1.
        norm_momentum (float): Of the batch normalisation of layouts; 0.001 in
            the reference implementation, which takes thousands of steps.
            Defaults to 0.1.
        loss_image_weight (float): Weight of the classes in the image.
            Defaults to 1.0.
        image_activation (str): What makes probabilities of the classes in the
            image, ``'sigmoid'`` or, as in the reference implementation,
            ``'softmax'`` (whose probabilities share a sum of 1, though an
            image shows several classes). Defaults to ``'sigmoid'``.
        fc_head (dict): Head of the objects; its ``out_channels`` is the size
            of a pair's feature, too.
        **kwargs: Arguments of :class:`RoleProductHead`.
    """

    def __init__(self,
                 *,
                 num_classes: int,
                 fc_head: dict,
                 hidden_size: int = 256,
                 embedding_dim: int = 200,
                 layout_dim: int = 128,
                 dropout: float = 0.1,
                 norm_momentum: float = 0.1,
                 loss_image_weight: float = 1.0,
                 image_activation: str = 'sigmoid',
                 **kwargs) -> None:
        if image_activation not in ('sigmoid', 'softmax'):
            raise ValueError("relation_head.image_activation must be 'sigmoid' "
                             f"or 'softmax', got {image_activation!r}")
        channels = fc_head['out_channels']
        super().__init__(
            num_classes=num_classes,
            embedding_dim=embedding_dim,
            fc_head=fc_head,
            relation_channels=channels + layout_dim,
            **kwargs)
        image_channels = self.roi_extractor.out_channels
        self.loss_image_weight = loss_image_weight
        self.image_activation = image_activation
        self.object_context = RelationalEmbedding(
            channels + embedding_dim + image_channels, hidden_size)
        self.object_classifier = RelationalEmbedding(hidden_size,
                                                     num_classes + 1)
        self.edge_context = RelationalEmbedding(embedding_dim + hidden_size,
                                                hidden_size)
        self.edge_roles = RelationalEmbedding(hidden_size, 2 * channels)
        self.image_classifier = nn.Linear(image_channels, num_classes + 1)
        self.layout = RelativeLayoutEncoding(layout_dim, dropout,
                                             norm_momentum)

    def context(self, regions: RegionFeatures,
                objects: ObjectBatch) -> ObjectContext:
        """Contextualise the objects and label them.

        Returns:
            ObjectContext: With a representation of (N, 2 * channels): each
            object as subject and as object.
        """
        inputs = torch.cat([
            regions.objects,
            objects.logits.softmax(dim=1) @ self.object_embedding.weight,
            regions.images[objects.image_ids]
        ], 1)
        _, hidden = self.object_context(inputs, objects)
        hidden, logits = self.object_classifier(hidden, objects)
        labels = self.choose_labels(logits, objects)
        edges = torch.cat([self.label_embedding(labels), hidden], dim=1)
        _, edges = self.edge_context(edges, objects)
        _, roles = self.edge_roles(edges, objects)
        if objects.labels is not None:
            logits = objects.logits
        return ObjectContext(logits, labels, roles,
                             self.image_classifier(regions.images))

    def relate(self, context: ObjectContext, regions: RegionFeatures,
               objects: ObjectBatch) -> Tensor:
        """[Subject role * object role * pair features, layout]: (P, d_p)."""
        layout = self.layout(*objects.bboxes[regions.pairs].unbind(1))
        product = multiply_roles(context.representation, regions)
        return torch.cat([product, layout], dim=1)

    def own_losses(self, context: ObjectContext,
                   objects: ObjectBatch) -> dict[str, Tensor]:
        """Which classes are in an image: binary cross-entropy a class."""
        present = torch.zeros_like(context.image_logits)
        if objects.present is not None:
            present[:, :self.num_classes] = objects.present
        else:
            known = objects.targets < self.num_classes
            present[objects.image_ids[known], objects.targets[known]] = 1
        logits = context.image_logits
        if self.image_activation == 'softmax':
            # PyTorch has no binary cross-entropy of probabilities in mixed
            # precision; log(1 - p) of a softmax is computed from the others.
            log_p = full_precision(logits).log_softmax(dim=1)
            log_not_p = torch.log1p(-log_p.exp().clamp(max=1 - 1e-7))
            loss = -(present * log_p + (1 - present) * log_not_p).mean()
        else:
            loss = F.binary_cross_entropy_with_logits(logits, present)
        return dict(loss_image=self.loss_image_weight * loss)
