"""MotifNet: bidirectional context by LSTMs over objects and edges.

Shape shorthand: N objects of a batch, P pairs, B images, T objects of the
fullest image, C object classes.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import (
    AlternatingHighwayLSTM,
    BoxPositionEncoding,
    LabelDecoder,
    ObjectSequences,
)
from .head_outputs import ObjectContext, RegionFeatures
from .role_product_head import RoleProductHead, multiply_roles

ORDERS = ('confidence', 'size', 'leftright')


@MODELS.register_module()
class MotifNetHead(RoleProductHead):
    """The base model of Neural Motifs (Zellers et al., 2018).

    Object context: a highway LSTM over [visual feature, class embedding, box
    position] of the objects in order; a decoder LSTM labels them one by
    one. Edge context: highway LSTMs over [label embedding, object context].
    A relation is the product of subject, object and pair features.

    Args:
        order (str): Which object the LSTMs see first. ``'confidence'``: the
            one with the most probable class (of the detector, then of the
            decoder; where labels are given, of the detector in that label: in
            the reference implementation these tie). ``'size'``: the largest
            box. ``'leftright'``: the reference's option of this name, which
            sorts the boxes' centres from the right to the left; the authors'
            scripts train with it. Defaults to ``'confidence'``.
        hidden_size (int): Units of each LSTM. Defaults to 256.
        num_object_layers (int): Defaults to 1.
        num_edge_layers (int): Defaults to 2.
        embedding_dim (int): Size of a class embedding. Defaults to 200.
        position_dim (int): Size of a box's position. Defaults to 128.
        dropout (float): Recurrent dropout and that of the position.
            Defaults to 0.1.
        norm_momentum (float): Of the batch normalisation of positions; 0.001
            in the reference implementation, which takes thousands of steps.
            Defaults to 0.1.
        decoder_word_vectors (str, optional): GloVe text file with vectors of
            100 values that the decoder's label embedding starts from, as in
            the reference implementation. Defaults to None: random.
        fc_head (dict): Head of the objects; its ``out_channels`` is the size
            of a relation's feature, too.
        **kwargs: Arguments of :class:`RoleProductHead`.
    """

    def __init__(self,
                 *,
                 num_classes: int,
                 fc_head: dict,
                 hidden_size: int = 256,
                 num_object_layers: int = 1,
                 num_edge_layers: int = 2,
                 embedding_dim: int = 200,
                 position_dim: int = 128,
                 dropout: float = 0.1,
                 norm_momentum: float = 0.1,
                 decoder_word_vectors: str | None = None,
                 order: str = 'confidence',
                 **kwargs) -> None:
        if order not in ORDERS:
            raise ValueError(f'relation_head.order must be one of {ORDERS}, '
                             f'got {order!r}')
        channels = fc_head['out_channels']
        super().__init__(
            num_classes=num_classes,
            embedding_dim=embedding_dim,
            fc_head=fc_head,
            relation_channels=channels,
            **kwargs)
        self.order = order
        self.position = BoxPositionEncoding(position_dim, dropout,
                                            norm_momentum)
        self.object_lstm = AlternatingHighwayLSTM(
            channels + embedding_dim + position_dim, hidden_size,
            num_object_layers, dropout)
        self.decoder = LabelDecoder(
            num_classes,
            hidden_size,
            hidden_size,
            dropout=dropout,
            word_vectors=decoder_word_vectors)
        self.edge_lstm = AlternatingHighwayLSTM(embedding_dim + hidden_size,
                                                hidden_size, num_edge_layers,
                                                dropout)
        self.fc_roles = nn.Linear(hidden_size, 2 * channels)
        # The LSTM's outputs are small; this brings the product of the roles
        # to unit scale, as in the reference implementation.
        nn.init.normal_(self.fc_roles.weight, std=10 * hidden_size**-0.5)
        nn.init.zeros_(self.fc_roles.bias)

    def context(self, regions: RegionFeatures,
                objects: ObjectBatch) -> ObjectContext:
        """Contextualise the objects and label them.

        Returns:
            ObjectContext: With a representation of (N, hidden_size), the edge
            context.
        """
        probabilities = objects.logits.softmax(dim=1)
        inputs = torch.cat([
            regions.objects, probabilities @ self.object_embedding.weight,
            self.position(objects.bboxes)
        ], 1)
        sequences = self._in_order(objects, probabilities[:, :-1].amax(dim=1))
        encoded = self.object_lstm(sequences.pad(inputs), sequences.valid)
        logits, labels = self._label(encoded, sequences, objects)

        confidence = logits.softmax(dim=1).gather(1, labels[:, None])
        edges = torch.cat(
            [self.label_embedding(labels),
             sequences.unpad(encoded)], dim=1)
        sequences = self._in_order(objects, confidence.squeeze(1).detach())
        edges = self.edge_lstm(sequences.pad(edges), sequences.valid)
        return ObjectContext(logits, labels, sequences.unpad(edges))

    def _in_order(self, objects: ObjectBatch,
                  confidence: Tensor) -> ObjectSequences:
        """The objects of each image, sorted by :attr:`order`."""
        scores = confidence
        if self.order != 'confidence':
            low, high = objects.bboxes.chunk(2, dim=1)  # (N, 2) each
            scores = (high - low).prod(dim=1) if self.order == 'size' else \
                (low[:, 0] + high[:, 0]) / 2
        return ObjectSequences(objects.image_ids, objects.sizes, scores)

    def load_priors(self, statistics, classes: Sequence[str]) -> None:
        """Take priors, and the words' vectors, see :class:`RelationHead`."""
        super().load_priors(statistics, classes)
        self.decoder.label_embedding.load_words(classes)

    def _label(self, encoded: Tensor, sequences: ObjectSequences,
               objects: ObjectBatch) -> tuple[Tensor, Tensor]:
        """Class logits (N, C+1) and labels (N,) of the encoded objects."""
        if objects.labels is not None:
            # Given labels keep the detector's confidence for the edge order.
            return objects.logits, objects.labels
        targets = None
        if objects.targets is not None:
            targets = sequences.pad(objects.targets)
        logits, labels = map(sequences.unpad, self.decoder(encoded, targets))
        if objects.class_bboxes is not None and targets is None:
            labels = self.choose_labels(logits, objects)
        return logits, labels

    def relate(self, context: ObjectContext, regions: RegionFeatures,
               objects: ObjectBatch) -> Tensor:
        """Subject role times object role times pair features: (P, d_p)."""
        return multiply_roles(self.fc_roles(context.representation), regions)
