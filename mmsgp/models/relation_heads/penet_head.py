"""PE-Net: prototypes of subjects, objects and predicates.

Shape shorthand: N objects of a batch, P pairs, C object classes, R predicates, E values
of a word vector, D values of a prototype.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import (
    BOX_CODE_DIM,
    BatchNorm1d,
    ClassEmbedding,
    PredicateEmbedding,
    box_codes,
)
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .prototype_head import PrototypeHead


class GatedFusion(nn.Module):
    """A prototype and what an instance adds to it, or takes away.

    ``v = a + sign * sigmoid(G [a; b]) * b``, then ``LN(dropout(ReLU(A v)) + v)``.

    Args:
        channels: D.
        sign: 1 or -1.
        dropout: Share of values that are dropped.
    """

    def __init__(self, channels: int, sign: int, dropout: float) -> None:
        super().__init__()
        self.sign = sign
        self.gate = nn.Linear(2 * channels, channels)
        self.fc = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, base: Tensor, detail: Tensor) -> Tensor:
        """Fuse (..., D) and (..., D): (..., D)."""
        gate = self.gate(torch.cat([base, detail], dim=-1)).sigmoid()
        fused = base + self.sign * gate * detail
        return self.norm(self.dropout(self.fc(fused).relu()) + fused)


@MODELS.register_module()
class PENetHead(PrototypeHead):
    """The prototype-based embedding network (Zheng et al., CVPR 2023).

    Subject and object are each the word vector of their class and a gated visual part. A
    pair is ``ReLU(s + o) - (s - o)^2``, less a gated part of its union. Both the pair and
    the predicates' word vectors are projected, and their cosines are the logits.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        fc_head: Head of the objects.
        hidden_size: D. Defaults to 2048.
        embedding_dim: E. Defaults to 300.
        object_channels: Hidden units of the layer that classifies objects. Defaults to 512.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Defaults to 0.2.
        norm_momentum: Of the batch normalisation of positions; 0.001 in the official code,
            which takes many steps. Defaults to 0.1.
        word_vectors: GloVe text file with vectors of ``embedding_dim`` values. Defaults to
            None: random embeddings.
        **kwargs: See :class:`PrototypeHead` and :class:`RelationHead`.

    Attributes:
        fc_spare: A layer that the official model has and never uses. It is frozen, and here
            only so that official weights fit one to one.
    """

    pairs_per_chunk = 512

    def __init__(
        self,
        *,
        num_classes: int,
        num_predicates: int,
        fc_head: dict,
        hidden_size: int = 2048,
        embedding_dim: int = 300,
        object_channels: int = 512,
        position_dim: int = 128,
        dropout: float = 0.2,
        norm_momentum: float = 0.1,
        word_vectors: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            num_predicates=num_predicates,
            fc_head=fc_head,
            relation_channels=2 * hidden_size,
            context_channels=2 * hidden_size,
            **kwargs,
        )
        channels = fc_head['out_channels']
        self.position = nn.Sequential(
            nn.Linear(BOX_CODE_DIM, 32),
            BatchNorm1d(32, momentum=norm_momentum),
            nn.Linear(32, position_dim),
            nn.ReLU(inplace=True),
        )
        self.object_embedding = ClassEmbedding(num_classes + 1, embedding_dim, word_vectors)
        self.fc_object = nn.Linear(channels + embedding_dim + position_dim, object_channels)
        self.fc_label = nn.Linear(object_channels, num_classes + 1)

        self.label_embedding = ClassEmbedding(num_classes + 1, embedding_dim, word_vectors)
        self.predicate_embedding = PredicateEmbedding(
            num_predicates + 1, embedding_dim, word_vectors
        )
        self.subject_words, self.object_words, self.predicate_words = (
            _mlp(embedding_dim, hidden_size // 2, hidden_size) for _ in range(3)
        )
        self.fc_roles = nn.Linear(channels, 2 * hidden_size)
        self.fc_union = _mlp(channels, hidden_size, hidden_size)
        self.visual = nn.Sequential(
            nn.Linear(hidden_size, 2 * hidden_size),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(2 * hidden_size, hidden_size),
        )
        self.subject_fusion = GatedFusion(hidden_size, 1, dropout)
        self.object_fusion = GatedFusion(hidden_size, 1, dropout)
        self.pair_fusion = GatedFusion(hidden_size, -1, dropout)
        self.projection = nn.Sequential(
            nn.ReLU(), nn.Dropout(dropout), *_mlp(hidden_size, hidden_size, 2 * hidden_size)
        )
        self.fc_spare = nn.Linear(hidden_size, hidden_size).requires_grad_(False)

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Classify each object alone."""
        classes = objects.logits.softmax(dim=1) @ self.object_embedding.weight
        position = self.position(box_codes(objects))
        hidden = self.fc_object(torch.cat([regions.objects, classes, position], dim=1))
        return ObjectEncoding(self.fc_label(hidden), regions.objects)

    def encode_edges(self, context: ObjectContext, objects: ObjectBatch) -> ObjectContext:
        """Compute each object as subject and as object: (N, 2 * D)."""
        as_object, as_subject = self.fc_roles(context.representation).chunk(2, dim=1)
        words = self.label_embedding(context.labels)
        roles = [
            fusion(words_of(words), self.visual(seen))
            for fusion, words_of, seen in (
                (self.subject_fusion, self.subject_words, as_subject),
                (self.object_fusion, self.object_words, as_object),
            )
        ]
        return context._replace(representation=torch.cat(roles, dim=1))

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Compute the projected pairs: (P, 2 * D)."""
        subjects, objects_ = context.representation.chunk(2, dim=1)
        subject, object_ = subjects[regions.pairs[:, 0]], objects_[regions.pairs[:, 1]]
        pairs = (subject + object_).relu() - (subject - object_).square()
        unions = self.visual(self.fc_union(regions.unions))
        return self.projection(self.pair_fusion(pairs, unions))

    def prototypes(self) -> Tensor:
        """Project the words of the predicates: (R+1, 2 * D)."""
        return self.projection(self.predicate_words(self.predicate_embedding.weight))


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs)
    )
