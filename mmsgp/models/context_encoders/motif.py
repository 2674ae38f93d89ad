"""The context of Neural Motifs: LSTMs over objects and edges.

Shape shorthand: N objects of a batch, C object classes.
"""

from __future__ import annotations

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
from ..relation_heads.head_outputs import (
    ObjectContext,
    ObjectEncoding,
    RegionFeatures,
)
from .base import ContextEncoder

ORDERS = ('confidence', 'size', 'leftright')


@MODELS.register_module()
class MotifContext(ContextEncoder):
    """Highway LSTMs over the objects of an image (Zellers et al., 2018).

    Object context: an LSTM over [visual feature, class embedding, box
    position] of the sorted objects; a decoder LSTM classifies them one by
    one. Edge context: LSTMs over [label embedding, object context].

    Args:
        num_classes: See :class:`ContextEncoder`, as the next three.
        object_channels: d_o.
        image_channels: Not used.
        embedding_dim: Size of a class embedding.
        order: Which object the LSTMs see first. ``'confidence'``: the one with
            the most probable class, first by the detector, then by the decoder.
            Given labels have the detector's probability; in the reference
            implementation they tie. ``'size'``: the largest box.
            ``'leftright'``: the reference's option of this name, which sorts
            the boxes' centres from the right to the left; the authors' scripts
            train with it. Defaults to ``'confidence'``.
        hidden_size: Units of each LSTM. Defaults to 256.
        num_object_layers: Defaults to 1.
        num_edge_layers: Defaults to 2.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Of recurrent states and positions. Defaults to 0.1.
        norm_momentum: Of the batch normalisation of positions; 0.001 in the
            reference implementation, which takes thousands of steps. Defaults
            to 0.1.
        decoder_word_vectors: GloVe text file with vectors of 100 values that
            the decoder's label embedding starts from, as in the reference
            implementation. Defaults to None: random.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        object_channels: int,
        image_channels: int,
        embedding_dim: int,
        order: str = 'confidence',
        hidden_size: int = 256,
        num_object_layers: int = 1,
        num_edge_layers: int = 2,
        position_dim: int = 128,
        dropout: float = 0.1,
        norm_momentum: float = 0.1,
        decoder_word_vectors: str | None = None,
    ) -> None:
        if order not in ORDERS:
            raise ValueError(
                f'the order of MotifContext must be one of {ORDERS}, '
                f'got {order!r}: set relation_head.order of a '
                'MotifNetHead, or relation_head.context.order'
            )
        super().__init__()
        self.order = order
        self.position = BoxPositionEncoding(position_dim, dropout, norm_momentum)
        self.object_lstm = AlternatingHighwayLSTM(
            object_channels + embedding_dim + position_dim, hidden_size, num_object_layers, dropout
        )
        self.decoder = LabelDecoder(
            num_classes,
            hidden_size,
            hidden_size,
            dropout=dropout,
            word_vectors=decoder_word_vectors,
        )
        self.edge_lstm = AlternatingHighwayLSTM(
            embedding_dim + hidden_size, hidden_size, num_edge_layers, dropout
        )
        self.fc_roles = nn.Linear(hidden_size, 2 * object_channels)
        # The LSTM's outputs are small; this brings the product of the roles
        # to unit scale, as in the reference implementation.
        nn.init.normal_(self.fc_roles.weight, std=10 * hidden_size**-0.5)
        nn.init.zeros_(self.fc_roles.bias)

    def encode_objects(
        self, classes: Tensor, regions: RegionFeatures, objects: ObjectBatch
    ) -> ObjectEncoding:
        """See :meth:`ContextEncoder.encode_objects`."""
        inputs = torch.cat([regions.objects, classes, self.position(objects.bboxes)], dim=1)
        probabilities = objects.logits.softmax(dim=1)
        sequences = self._in_order(objects, probabilities[:, :-1].amax(dim=1))
        encoded = self.object_lstm(sequences.pad(inputs), sequences.valid)
        logits = objects.logits
        if not objects.is_labelled:
            known_labels = sequences.pad(objects.known_labels)
            # Annotated boxes are taught; of detected ones some are background.
            all_known = objects.targets is not None and objects.class_bboxes is None
            logits = sequences.unpad(self.decoder(encoded, known_labels, all_known))
        return ObjectEncoding(logits, sequences.unpad(encoded))

    def encode_edges(self, classes: Tensor, context: ObjectContext, objects: ObjectBatch) -> Tensor:
        """See :meth:`ContextEncoder.encode_edges`."""
        confidence = context.logits.softmax(dim=1).gather(1, context.labels[:, None]).squeeze(1)
        sequences = self._in_order(objects, confidence.detach())
        edges = torch.cat([classes, context.representation], dim=1)
        edges = self.edge_lstm(sequences.pad(edges), sequences.valid)
        return self.fc_roles(sequences.unpad(edges))

    def _in_order(self, objects: ObjectBatch, confidence: Tensor) -> ObjectSequences:
        """Sort the objects of each image by :attr:`order`."""
        scores = confidence
        if self.order != 'confidence':
            low, high = objects.bboxes.chunk(2, dim=1)  # (N, 2) each
            scores = (
                (high - low).prod(dim=1) if self.order == 'size' else (low[:, 0] + high[:, 0]) / 2
            )
        return ObjectSequences(objects.image_ids, objects.sizes, scores)
