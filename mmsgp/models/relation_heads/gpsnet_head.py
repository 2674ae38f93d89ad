"""GPS-Net: direction-aware messages along the pairs of an image.

Shape shorthand: B images, N objects of a batch, T objects of the fullest image, P pairs, C
object classes, H hidden units, d_o features of an object and of a pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import (
    BatchNorm1d,
    ClassEmbedding,
    ObjectSequences,
    box_codes,
    init_xavier,
)
from ..losses.node_priority_loss import NodePriorityLoss, node_focus
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures, RelationOutput
from .relation_head import RelationHead
from .role_product_head import multiply_roles

POSITION_SCALE = 800  # of boxes, over width and height of their image


class DirectionAwareMessages(nn.Module):
    """Attention along pairs, whose direction counts.

    With the weights ``a_ij = sigmoid(w (W_s f_i * W_o f_j * u_ij) + b)``, each row divided
    by its sum, an object gets ``[sum_j a_ij g_j, sum_j a_ji g_j]`` with
    ``g = ReLU(FC(f))``, through a bottleneck. Pairs that are not among those given count
    0.5 before the division.

    Args:
        channels: H.
        official: See :class:`GPSNetHead`.
    """

    def __init__(self, channels: int, official: bool = False) -> None:
        super().__init__()
        self.official = official
        self.fc_subject = nn.Linear(channels, channels)
        self.fc_object = nn.Linear(channels, channels)
        self.fc_weight = nn.Linear(channels, 1)
        self.fc_message = nn.Linear(channels, channels // 2)
        self.bottleneck = nn.Sequential(
            nn.Linear(channels, channels // 4),
            nn.LayerNorm(channels // 4),
            nn.ReLU(inplace=True),
            nn.Linear(channels // 4, channels),
        )

    def forward(
        self, features: Tensor, pairs: Tensor, unions: Tensor, sequences: ObjectSequences
    ) -> Tensor:
        """Pass messages.

        Args:
            features: (N, H).
            pairs: (P, 2).
            unions: (P, H).
            sequences: The objects, image by image.

        Returns:
            Tensor: (N, H).
        """
        subject, object_ = pairs.unbind(1)
        product = self.fc_subject(features)[subject] * self.fc_object(features)[object_] * unions
        rows, steps = sequences.rows, sequences.valid.shape[1]
        weights = features.new_zeros(sequences.valid.numel(), steps)
        weights = weights.index_put(
            (rows[subject], rows[object_] % steps), self.fc_weight(product).squeeze(1)
        )
        weights = weights.view(-1, steps, steps).sigmoid()  # (B, T, T)
        others = ~torch.eye(weights.shape[1], dtype=torch.bool, device=weights.device)
        weights = weights * (sequences.valid[:, None, :] & sequences.valid[:, :, None] & others)
        sums = weights.sum(dim=2).clamp(min=1e-12)
        weights = weights / (sums[:, None, :] if self.official else sums[:, :, None])
        messages = sequences.pad(self.fc_message(features).relu())
        context = torch.cat([weights @ messages, weights.transpose(1, 2) @ messages], dim=2)
        return (features + self.bottleneck(sequences.unpad(context))).relu()


@MODELS.register_module()
class GPSNetHead(RelationHead):
    """The graph property sensing network (Lin et al., CVPR 2020), VGG16 version.

    Objects exchange direction-aware messages and are classified; as subject and as object
    they are a layer over [visual feature, code of the class, box], and a pair is the
    product of both and its union. Messages run along all pairs of an image, so pairs
    cannot be treated alone.

    Args:
        num_classes: Object classes C, without background.
        fc_head: Head of the objects; its ``out_channels`` is d_o.
        hidden_size: H. Defaults to 512.
        num_layers: Layers of messages. Defaults to 2.
        embedding_dim: Size of word vectors and of class codes. Defaults to 200.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Of the position. Defaults to 0.1.
        norm_momentum: Of the batch normalisation of positions. Defaults to 0.1.
        word_vectors: GloVe text file with vectors of ``embedding_dim`` values. Defaults to
            None: random embeddings.
        official_normalization: Divide the weight of (i, j) by the sum of row j instead of
            row i, as the official code does by mistake; only for its checkpoints. Defaults
            to False.
        frequency_prior: Defaults to :class:`SoftenedFrequencyPrior`.
        loss_object: Defaults to :class:`NodePriorityLoss`, which gets the annotated
            relations of each object.
        **kwargs: See :class:`RelationHead`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        fc_head: dict,
        hidden_size: int = 512,
        num_layers: int = 2,
        embedding_dim: int = 200,
        position_dim: int = 128,
        dropout: float = 0.1,
        norm_momentum: float = 0.1,
        word_vectors: str | None = None,
        official_normalization: bool = False,
        frequency_prior: dict | None = dict(type='SoftenedFrequencyPrior'),
        loss_object: dict = dict(type='NodePriorityLoss'),
        **kwargs,
    ) -> None:
        channels = fc_head['out_channels']
        super().__init__(
            num_classes=num_classes,
            fc_head=fc_head,
            relation_channels=channels,
            context_channels=2 * channels,
            frequency_prior=frequency_prior,
            loss_object=loss_object,
            **kwargs,
        )
        self.position = nn.Sequential(
            BatchNorm1d(4, momentum=norm_momentum),
            nn.Linear(4, position_dim),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
        self.object_embedding = ClassEmbedding(num_classes + 1, embedding_dim, word_vectors)
        self.fc_object = nn.Linear(channels + position_dim + embedding_dim, hidden_size)
        self.fc_pair = nn.Linear(channels, hidden_size)
        self.messages = nn.ModuleList(
            DirectionAwareMessages(hidden_size, official_normalization) for _ in range(num_layers)
        )
        self.fc_label = nn.Linear(hidden_size, num_classes + 1)
        self.fc_roles = nn.ModuleList(
            init_xavier(nn.Linear(channels + embedding_dim + 5, channels)) for _ in range(2)
        )
        numbers = torch.arange(1, num_classes + 1)[:, None]
        angles = numbers * torch.linspace(-math.pi, math.pi, embedding_dim)
        self.register_buffer('class_codes', angles.sin() + angles.cos(), persistent=False)

    def load_statistics(self, statistics, classes: Sequence[str]) -> None:
        """Take statistics and word vectors, see :class:`RelationHead`."""
        super().load_statistics(statistics, classes)
        self.object_embedding.load_words(classes)

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Pass messages, and classify the objects."""
        extents, centers = box_codes(objects)[:, :4].chunk(2, dim=1)
        position = self.position(POSITION_SCALE * torch.cat([centers, extents], dim=1))
        classes = objects.logits.softmax(dim=1) @ self.object_embedding.weight
        features = self.fc_object(torch.cat([regions.objects, position, classes], dim=1))
        unions = self.fc_pair(regions.unions)
        sequences = ObjectSequences(objects.image_ids, objects.sizes)
        for layer in self.messages:
            features = layer(features, regions.pairs, unions, sequences)
        return ObjectEncoding(self.fc_label(features), regions.objects)

    def encode_edges(self, context: ObjectContext, objects: ObjectBatch) -> ObjectContext:
        """Compute each object as subject and as object: (N, 2 * d_o)."""
        rows = torch.cat(
            [
                context.representation,
                self.class_codes[context.labels],
                box_codes(objects)[:, 4:],
            ],
            dim=1,
        )
        return context._replace(representation=torch.cat([fc(rows) for fc in self.fc_roles], dim=1))

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Subject role * object role * pair features: (P, d_o)."""
        return multiply_roles(context.representation, regions)

    def loss_by_feat(
        self, output: RelationOutput, objects: ObjectBatch, targets: Tensor
    ) -> dict[str, Tensor]:
        """Compute losses, see :class:`RelationHead`; objects by their relations."""
        losses = super().loss_by_feat(output, objects, targets)
        if isinstance(self.loss_object, NodePriorityLoss):
            logits = output.context.logits
            related = (targets > 0).to(logits)[:, None].expand(-1, 2).flatten()
            degrees = logits.new_zeros(len(logits)).index_add(0, output.pairs.flatten(), related)
            focus = node_focus(degrees, objects.image_ids)
            losses['loss_object'] = self.loss_object(logits, objects.targets, focus)
        return losses
