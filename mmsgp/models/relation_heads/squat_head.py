"""SQUAT: attention among selected pairs and objects.

Shape shorthand: B images, N objects of a batch, P pairs, M pairs of the fullest image, C
object classes, H hidden units, D channels of a pair, d_o features of an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import (
    BOX_CODE_DIM,
    PAIR_CODE_DIM,
    BatchNorm1d,
    ClassEmbedding,
    ObjectSequences,
    PairSelector,
    QuadAttentionLayer,
    box_codes,
    pair_codes,
    select,
)
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures, RelationOutput
from .relation_head import RelationHead


class PairStates(NamedTuple):
    """Pairs before they see each other, then after it."""

    pairs: Tensor  # (P, 2)
    features: Tensor  # (P, D)
    selection: Tensor | None = None  # (P, 3), logits of the three selectors


@MODELS.register_module()
class SQUATHead(RelationHead):
    """Selective quad attention (Jung et al., CVPR 2023), at D = 512 instead of 2,048.

    Pairs start from their objects, boxes and union. Three selectors choose pairs: those
    that are changed, and those that pairs and objects see. In each layer the chosen pairs
    and the objects attend to themselves and to each other. All pairs of an image take
    part, so pairs cannot be treated alone.

    Args:
        num_classes: Object classes C, without background.
        fc_head: Head of the objects.
        hidden_size: H, of objects. Defaults to 512.
        attention_channels: D. Defaults to 512; the official model has 2048.
        num_heads: Of each attention. Defaults to 8.
        feedforward_channels: Defaults to 1024.
        num_layers: Defaults to 3.
        query_share: Share of an image's pairs that are changed. Defaults to 0.5.
        key_share: Share that is seen. Defaults to 1.0.
        pass_nodes: Whether a layer gets the objects of the layer before. The official code
            starts each layer from the same objects, so that what objects see of pairs
            never reaches the result. Here layers that have no use for it do not compute
            it. Defaults to True.
        embedding_dim: Size of a class embedding. Defaults to 200.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Defaults to 0.1.
        norm_momentum: Of the batch normalisation of positions. Defaults to 0.1.
        word_vectors: GloVe text file with vectors of ``embedding_dim`` values. Defaults to
            None: random embeddings.
        loss_selection_weight: Weight of the selectors' losses together. Defaults to 0.1.
        **kwargs: See :class:`RelationHead`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        fc_head: dict,
        hidden_size: int = 512,
        attention_channels: int = 512,
        num_heads: int = 8,
        feedforward_channels: int = 1024,
        num_layers: int = 3,
        query_share: float = 0.5,
        key_share: float = 1.0,
        pass_nodes: bool = True,
        embedding_dim: int = 200,
        position_dim: int = 128,
        dropout: float = 0.1,
        norm_momentum: float = 0.1,
        word_vectors: str | None = None,
        loss_selection_weight: float = 0.1,
        **kwargs,
    ) -> None:
        for name, share in (('query_share', query_share), ('key_share', key_share)):
            if not 0 < share <= 1:
                raise ValueError(f'relation_head.{name} must be above 0 and at most 1, got {share}')
        super().__init__(
            num_classes=num_classes,
            fc_head=fc_head,
            relation_channels=attention_channels,
            **kwargs,
        )
        self.shares = query_share, key_share, key_share
        self.pass_nodes = pass_nodes
        self.loss_selection_weight = loss_selection_weight
        channels, size = fc_head['out_channels'], hidden_size
        self.classify_objects = nn.Sequential(
            nn.Linear(channels, size),
            nn.ReLU(inplace=True),
            nn.Linear(size, size),
            nn.ReLU(inplace=True),
            nn.Linear(size, num_classes + 1),
        )
        self.position = nn.Sequential(
            nn.Linear(BOX_CODE_DIM, 32),
            BatchNorm1d(32, momentum=norm_momentum),
            nn.Linear(32, position_dim),
            nn.ReLU(inplace=True),
        )
        self.object_embedding = ClassEmbedding(num_classes + 1, embedding_dim, word_vectors)
        self.label_embedding = ClassEmbedding(num_classes + 1, embedding_dim, word_vectors)
        self.fc_object = nn.Linear(channels + embedding_dim + position_dim, size)
        self.fc_node = nn.Linear(embedding_dim + channels + size, attention_channels)
        self.fc_roles = nn.Linear(embedding_dim + channels + size, 2 * size)
        self.layout = nn.Sequential(
            nn.Linear(PAIR_CODE_DIM, size),
            nn.ReLU(inplace=True),
            nn.Linear(size, 2 * size),
            nn.ReLU(inplace=True),
        )
        self.fc_pair = nn.Linear(2 * size, attention_channels)
        self.fc_union = nn.Linear(channels, attention_channels)
        self.selectors = nn.ModuleList(PairSelector(attention_channels) for _ in range(3))
        sizes = attention_channels, num_heads, feedforward_channels, dropout
        self.layers = nn.ModuleList(
            QuadAttentionLayer(*sizes, update_nodes=pass_nodes and layer < num_layers - 1)
            for layer in range(num_layers)
        )

    def load_statistics(self, statistics, classes: Sequence[str]) -> None:
        """Take statistics and word vectors, see :class:`RelationHead`."""
        super().load_statistics(statistics, classes)
        for embedding in (self.object_embedding, self.label_embedding):
            embedding.load_words(classes)

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Classify each object alone, and keep what pairs need later."""
        classes = objects.logits.softmax(dim=1) @ self.object_embedding.weight
        position = self.position(box_codes(objects))
        hidden = self.fc_object(torch.cat([regions.objects, classes, position], dim=1))
        return ObjectEncoding(
            self.classify_objects(regions.objects),
            torch.cat([regions.objects, hidden], dim=1),
            pair_states=PairStates(regions.pairs, self.fc_union(regions.unions)),
        )

    def encode_edges(self, context: ObjectContext, objects: ObjectBatch) -> ObjectContext:
        """Let pairs and objects attend to each other: pairs (P, D)."""
        pairs, unions, _ = context.pair_states
        rows = torch.cat([self.label_embedding(context.labels), context.representation], dim=1)
        subjects, objects_ = self.fc_roles(rows).chunk(2, dim=1)
        both = torch.cat([subjects[pairs[:, 0]], objects_[pairs[:, 1]]], dim=1)
        both = both * self.layout(pair_codes(objects, pairs))
        features = self.fc_pair(both).relu() + unions
        image = objects.image_ids[pairs[:, 0]]
        order = image.argsort(stable=True)
        in_image = _image_by_image(image[order], image.bincount(minlength=objects.num_images))
        in_objects = _image_by_image(objects.image_ids, torch.tensor(objects.sizes))
        padded = in_image.pad(features[order])  # (B, M, D)
        logits = [selector(padded, in_image.valid) for selector in self.selectors]
        chosen = [select(own, in_image.valid, s) for own, s in zip(logits, self.shares)]
        nodes = first_nodes = in_objects.pad(self.fc_node(rows).relu())
        for layer in self.layers:
            padded, nodes = layer(padded, nodes, in_objects.valid, *chosen)
            if not self.pass_nodes:
                nodes = first_nodes
        back = order.argsort()
        states = PairStates(
            pairs,
            in_image.unpad(padded)[back],
            in_image.unpad(torch.stack(logits, dim=2))[back],
        )
        return context._replace(pair_states=states)

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Return the pairs: (P, D)."""
        return context.pair_states.features

    def relation_losses(
        self, output: RelationOutput, objects: ObjectBatch, targets: Tensor
    ) -> dict[str, Tensor]:
        """Binary cross-entropy of the three selectors: is a pair annotated?"""
        logits = output.context.pair_states.selection
        if not len(targets):
            return dict(loss_selection=logits.sum() * 0)
        annotated = (targets > 0).to(logits)[:, None].expand_as(logits)
        loss = F.binary_cross_entropy_with_logits(logits, annotated)
        return dict(loss_selection=self.loss_selection_weight * loss)


def _image_by_image(image_ids: Tensor, sizes: Tensor) -> ObjectSequences:
    return ObjectSequences(image_ids, sizes.tolist(), torch.zeros_like(image_ids))
