"""The context of Motifs in Scene-Graph-Benchmark.

Shape shorthand: N objects of a batch, B images, T objects of the fullest image, I inputs, H
hidden units, d_o features of an object.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import BOX_CODE_DIM, BatchNorm1d, LabelDecoder, ObjectSequences, box_codes
from ..relation_heads.head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .base import ContextEncoder


@MODELS.register_module()
class SGBMotifContext(ContextEncoder):
    """LSTMs over the objects of an image, as in Scene-Graph-Benchmark.

    Unlike :class:`MotifContext`, the LSTMs are PyTorch's in both directions, from the
    rightmost object to the leftmost one. Object context: over [visual feature, class
    embedding, box code]; a highway LSTM over [the same, object context] labels the objects
    one by one. Edge context: over [label embedding, visual feature, object context].
    Source: ``LSTMContext`` of Tang et al., *Unbiased Scene Graph Generation from Biased
    Training* (2020).

    Args:
        num_classes: See :class:`ContextEncoder`, as the next three.
        object_channels: d_o.
        image_channels: Not used.
        embedding_dim: Size of a class embedding.
        hidden_size: H, in each direction. Defaults to 512.
        num_object_layers: Defaults to 1.
        num_edge_layers: Defaults to 1.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Between layers of the LSTMs, and of the decoder's recurrent states. Defaults
            to 0.2.
        norm_momentum: Of the batch normalisation of boxes; 0.001 in the official code,
            which takes many steps. Defaults to 0.1.
        decoder_word_vectors: GloVe text file of the decoder's label embedding. Defaults to
            None: random.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        object_channels: int,
        image_channels: int,
        embedding_dim: int,
        hidden_size: int = 512,
        num_object_layers: int = 1,
        num_edge_layers: int = 1,
        position_dim: int = 128,
        dropout: float = 0.2,
        norm_momentum: float = 0.1,
        decoder_word_vectors: str | None = None,
    ) -> None:
        super().__init__()
        self.position = nn.Sequential(
            nn.Linear(BOX_CODE_DIM, 32),
            BatchNorm1d(32, momentum=norm_momentum),
            nn.Linear(32, position_dim),
            nn.ReLU(inplace=True),
        )
        inputs = object_channels + embedding_dim + position_dim
        self.object_lstm = BidirectionalLSTM(inputs, hidden_size, num_object_layers, dropout)
        self.decoder = LabelDecoder(
            num_classes,
            inputs + hidden_size,
            hidden_size,
            embedding_dim,
            dropout,
            decoder_word_vectors,
        )
        inputs = embedding_dim + object_channels + hidden_size
        self.edge_lstm = BidirectionalLSTM(inputs, hidden_size, num_edge_layers, dropout)
        self.fc_roles = nn.Linear(hidden_size, 2 * hidden_size)
        nn.init.normal_(self.fc_roles.weight, std=10 * hidden_size**-0.5)
        nn.init.zeros_(self.fc_roles.bias)

    def encode_objects(
        self, classes: Tensor, regions: RegionFeatures, objects: ObjectBatch
    ) -> ObjectEncoding:
        """See :meth:`ContextEncoder.encode_objects`; visual features come first."""
        inputs = torch.cat([regions.objects, classes, self.position(box_codes(objects))], dim=1)
        sequences = from_the_right(objects)
        hidden = self.object_lstm(inputs, sequences, objects.sizes)
        logits = objects.logits
        if not objects.is_labelled:
            # Annotated boxes are taught; of detected ones some are background.
            all_known = objects.targets is not None and objects.class_bboxes is None
            seen = sequences.pad(torch.cat([inputs, hidden], dim=1))
            known_labels = sequences.pad(objects.known_labels)
            logits = sequences.unpad(self.decoder(seen, known_labels, all_known))
        return ObjectEncoding(logits, torch.cat([regions.objects, hidden], dim=1))

    def encode_edges(self, classes: Tensor, context: ObjectContext, objects: ObjectBatch) -> Tensor:
        """See :meth:`ContextEncoder.encode_edges`; roles have H values each."""
        inputs = torch.cat([classes, context.representation], dim=1)
        return self.fc_roles(self.edge_lstm(inputs, from_the_right(objects), objects.sizes))


def from_the_right(objects: ObjectBatch) -> ObjectSequences:
    """Sort the objects of each image by the centres of their boxes."""
    twice_the_centres = objects.bboxes[:, 0] + objects.bboxes[:, 2]
    return ObjectSequences(objects.image_ids, objects.sizes, twice_the_centres)


class BidirectionalLSTM(nn.Module):
    """LSTMs in both directions, and a linear layer that joins them.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: Layers of the LSTMs.
        dropout: Between layers.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            input_size,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=True,
        )
        self.fc = nn.Linear(2 * hidden_size, hidden_size)

    def forward(self, inputs: Tensor, sequences: ObjectSequences, sizes: Sequence[int]) -> Tensor:
        """Run over the objects of each image.

        Args:
            inputs: (N, I).
            sequences: The order of the objects.
            sizes: Number of objects of each of the B images.

        Returns:
            Tensor: (N, H).
        """
        lengths = [max(1, size) for size in sizes]  # at least a row of padding
        packed = pack_padded_sequence(
            sequences.pad(inputs), lengths, batch_first=True, enforce_sorted=False
        )
        outputs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)  # (B, T, 2H)
        return self.fc(sequences.unpad(outputs))
