"""REACT++: a light head over feature maps, with prototypes of predicates.

Shape shorthand: B images, N objects of a batch, P pairs, C object classes, R predicates,
D channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import (
    BOX_CODE_DIM,
    Attention,
    ClassEmbedding,
    ObjectReader,
    PredicateEmbedding,
    SceneReader,
    SwiGLU,
    box_codes,
    count_groups,
    full_precision,
)
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures, RelationOutput
from .prototype_head import PrototypeHead

EPS = 1e-6  # of all normalisations


@MODELS.register_module()
class REACTHead(PrototypeHead):
    """The head of REACT++, over the feature maps of any detector.

    Objects are read around the centres of their boxes, without RoI pooling, and labelled
    by the detector. As subject and as object, each attends to all classes' words; a pair
    is a product and a difference, and attends to a coarse map of its image. Its logits are
    cosines with prototypes: moving averages of annotated pairs.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        in_channels: Channels of the feature maps that are used, from the first.
        strides: Pixels per cell of each of these maps.
        hidden_size: D. Defaults to 512.
        embedding_dim: Size of a word vector. Defaults to 200.
        object_channels: Of an object as it is read, and of a scene's token. Defaults to 256.
        num_heads: Of each attention. Defaults to 4.
        dropout: Defaults to 0.2.
        momentum: Of the moving averages. Defaults to 0.999.
        word_vectors: GloVe text file with vectors of ``embedding_dim`` values; words are
            not trained. Defaults to None: random embeddings.
        loss_prototype: Defaults to the smooth losses of REACT++.
        max_scale: Defaults to 100.
        **kwargs: See :class:`PrototypeHead` and :class:`RelationHead`.

    Attributes:
        predicate_words, predicate_embedding: Parts that the official model has for another
            mode, and does not use in this one. They are frozen, and here only so that
            official weights fit one to one.
    """

    pairs_per_chunk = 512

    def __init__(
        self,
        *,
        num_classes: int,
        num_predicates: int,
        in_channels: Sequence[int],
        strides: Sequence[int],
        hidden_size: int = 512,
        embedding_dim: int = 200,
        object_channels: int = 256,
        num_heads: int = 4,
        dropout: float = 0.2,
        momentum: float = 0.999,
        word_vectors: str | None = None,
        loss_prototype: dict = dict(
            type='PrototypeLoss',
            distance_weight=0.1,
            pull_weight=0.5,
            distance_margin=1.5,
            pull_margin=0.4,
            smooth=True,
        ),
        max_scale: float = 100.0,
        **kwargs,
    ) -> None:
        if len(in_channels) != len(strides):
            raise ValueError(
                f'relation_head.in_channels has {len(in_channels)} levels, but '
                f'relation_head.strides has {len(strides)}: give one stride per level'
            )
        super().__init__(
            num_classes=num_classes,
            num_predicates=num_predicates,
            relation_channels=hidden_size,
            context_channels=2 * hidden_size,
            image_channels=in_channels[-1],
            roi_extractor=None,
            fc_head=None,
            pair_features=None,
            loss_prototype=loss_prototype,
            max_scale=max_scale,
            **kwargs,
        )
        size = hidden_size
        self.object_reader = ObjectReader(in_channels, strides, object_channels)
        self.scene_reader = SceneReader(in_channels[-1], object_channels, num_heads, size)
        self.fc_roles = nn.Linear(object_channels, 2 * size, bias=False)
        self.roles_norm = nn.RMSNorm(2 * size, eps=EPS)
        self.object_embedding = ClassEmbedding(num_classes + 1, embedding_dim, word_vectors)
        self.object_words = SwiGLU(embedding_dim, size, 2, dropout)
        self.predicate_embedding = PredicateEmbedding(
            num_predicates + 1, embedding_dim, word_vectors
        )
        self.predicate_words = SwiGLU(embedding_dim, size, 2, dropout)
        for frozen in (self.object_embedding, self.predicate_embedding, self.predicate_words):
            frozen.requires_grad_(False)
        self.geometry = nn.Sequential(
            nn.Linear(BOX_CODE_DIM, 16, bias=False), nn.SiLU(), nn.Linear(16, 64, bias=False)
        )
        self.words_norm = nn.RMSNorm(size, eps=EPS)
        self.subject_role = Role(size, num_heads, dropout)
        self.object_role = Role(size, num_heads, dropout)
        self.compose = SwiGLU(size, size, 4 / 3, dropout)
        self.compose_norm = nn.RMSNorm(size, eps=EPS)
        self.fc_scene = nn.Linear(object_channels, size, bias=False)
        self.scene_attention = Attention(size, num_heads, bias=False, dropout=dropout)
        self.scene_norm = nn.RMSNorm(size, eps=EPS)
        self.scene_gate = nn.Linear(size, size, bias=False)
        self.projection = nn.Sequential(
            nn.Linear(size, 2 * size, bias=False),
            nn.RMSNorm(2 * size, eps=EPS),
            nn.SiLU(),
            nn.Linear(2 * size, size, bias=False),
        )
        self.bank = PrototypeBank(num_predicates + 1, size, momentum)

    def extract_regions(
        self, feature_maps: tuple[Tensor, ...], objects: ObjectBatch, pairs: Tensor | None = None
    ) -> RegionFeatures:
        """Read objects and scenes, see :class:`RelationHead`."""
        if pairs is None:
            pairs = self.candidate_pairs(objects)
        last = feature_maps[len(self.object_reader.strides) - 1]
        read = self.object_reader(feature_maps, objects.bboxes, objects.image_ids)
        return RegionFeatures(
            pairs,
            images=last.mean(dim=(2, 3)),
            objects=full_precision(read),
            scenes=full_precision(self.scene_reader(last)),
        )

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Return the detector's logits, and what was read."""
        return ObjectEncoding(objects.logits, regions.objects)

    def encode_edges(self, context: ObjectContext, objects: ObjectBatch) -> ObjectContext:
        """Compute each object as subject and as object: (N, 2 * D)."""
        roles = self.roles_norm(self.fc_roles(context.representation)).chunk(2, dim=1)
        words = self.object_words(self.object_embedding.weight)  # (C+1, D)
        sine, cosine = self.geometry(box_codes(objects)).chunk(2, dim=1)
        angles = torch.cat([sine.sin(), cosine.cos()], dim=1)
        encoded = [
            role(seen, words, angles, self.words_norm) + words[context.labels]
            for role, seen in zip((self.subject_role, self.object_role), roles)
        ]
        return context._replace(representation=torch.cat(encoded, dim=1))

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Compute the projected pairs: (P, D)."""
        subjects, objects_ = context.representation.chunk(2, dim=1)
        subject, object_ = subjects[regions.pairs[:, 0]], objects_[regions.pairs[:, 1]]
        pairs = subject * object_ + subject - object_
        pairs = self.compose_norm(pairs + self.compose(pairs))
        images, tokens, _ = regions.scenes.shape
        owner = torch.arange(images * tokens, device=pairs.device) // tokens
        own = objects.image_ids[regions.pairs[:, :1]] == owner  # (P, B * tokens)
        scenes = self.fc_scene(regions.scenes.flatten(0, 1))
        seen = self.scene_attention(pairs[None], scenes[None], mask=own)[0]
        gate = self.scene_gate(self.scene_norm(pairs + seen)).sigmoid()
        return self.projection(pairs + gate * seen)

    def prototypes(self) -> Tensor:
        """Project the prototypes: (R+1, D)."""
        return self.projection(self.bank())

    def relation_losses(
        self, output: RelationOutput, objects: ObjectBatch, targets: Tensor
    ) -> dict[str, Tensor]:
        """Compute the losses of the prototypes, then move them."""
        losses = super().relation_losses(output, objects, targets)
        self.bank.update(output.features.detach(), targets)
        return losses


class Role(nn.Module):
    """An object as subject, or as object, that attends to the classes' words.

    ``s1 = RMSNorm(s + attention(s, words))``, ``RMSNorm(s1 + SwiGLU(s1))``. The box
    changes the query: added to all keys, as in the official code, it would cancel in the
    softmax.

    Args:
        channels: D.
        num_heads: Of the attention.
        dropout: Share of values that are dropped.
    """

    def __init__(self, channels: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(channels, num_heads, bias=False, dropout=dropout)
        self.offset = nn.Linear(64, num_heads, bias=False)
        self.feedforward = SwiGLU(channels, channels, 4 / 3, dropout)
        self.norm = nn.RMSNorm(channels, eps=EPS)

    def forward(self, seen: Tensor, words: Tensor, angles: Tensor, norm: nn.Module) -> Tensor:
        """Encode objects.

        Args:
            seen: (N, D).
            words: (C+1, D).
            angles: (N, 64), of the boxes.
            norm: The first normalisation, which both roles share.

        Returns:
            Tensor: (N, D).
        """
        attended = self.attention(seen[None], words[None], offset=self.offset(angles)[None])[0]
        seen = norm(seen + attended)
        return self.norm(seen + self.feedforward(seen))


class PrototypeBank(nn.Module):
    """Unit prototypes: moving averages of what was seen, else learnt vectors.

    Args:
        count: R+1, unknown first, which is never averaged.
        channels: D.
        momentum: Share of the old average.
    """

    def __init__(self, count: int, channels: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.learnt = nn.Parameter(torch.randn(count, channels) * channels**-0.5)
        self.register_buffer('average', torch.zeros(count, channels))
        # A float, because processes average their buffers.
        self.register_buffer('seen', torch.zeros(count))

    def forward(self) -> Tensor:
        """Return the prototypes: (R+1, D)."""
        average = F.normalize(self.average, dim=1)
        return torch.where(self.seen[:, None] > 0, average, F.normalize(self.learnt, dim=1))

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor) -> None:
        """Move the prototypes of annotated pairs towards their mean direction.

        Args:
            features: (P, D).
            labels: (P,), predicates; unknown does not count.
        """
        unit = F.normalize(features, dim=1)
        total = torch.zeros_like(self.average).index_add(0, labels, unit)
        present = count_groups(labels, len(total)) > 0
        present[0] = False
        mean = F.normalize(total, dim=1)
        moved = torch.where(
            self.seen[:, None] > 0, torch.lerp(mean, self.average, self.momentum), mean
        )
        self.average.copy_(torch.where(present[:, None], F.normalize(moved, dim=1), self.average))
        self.seen.copy_(self.seen.maximum(present.to(self.seen)))
