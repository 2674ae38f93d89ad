"""A context of Transformer encoders over objects and edges.

Shape shorthand: N objects of a batch, B images, T objects of the fullest
image, H hidden units.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from mmdet.models.layers.transformer import DetrTransformerEncoder
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import BoxPositionEncoding, in_order
from ..relation_heads.head_outputs import (
    ObjectContext,
    ObjectEncoding,
    RegionFeatures,
)
from .base import ContextEncoder


@MODELS.register_module()
class TransformerContext(ContextEncoder):
    """Self-attention among the objects of an image, before and after labels.

    After the Transformer baseline of Tang et al., *Unbiased Scene Graph
    Generation from Biased Training* (2020). Object context: an encoder over
    [visual feature, class embedding, box position]. Edge context: an encoder
    over [label embedding, object context]; theirs has the visual feature, too.

    Args:
        num_classes: See :class:`ContextEncoder`, as the next three.
        object_channels: d_o.
        image_channels: Not used.
        embedding_dim: Size of a class embedding.
        hidden_size: H, size of an object's context. Defaults to 256.
        num_heads: Of each attention. Defaults to 8.
        feedforward_channels: Defaults to 1024.
        num_object_layers: Defaults to 4.
        num_edge_layers: Defaults to 2.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Of attention, feed-forward layers and the position. Defaults to
            0.1.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        object_channels: int,
        image_channels: int,
        embedding_dim: int,
        hidden_size: int = 256,
        num_heads: int = 8,
        feedforward_channels: int = 1024,
        num_object_layers: int = 4,
        num_edge_layers: int = 2,
        position_dim: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.position = BoxPositionEncoding(position_dim, dropout)
        self.fc_object = nn.Linear(object_channels + embedding_dim + position_dim, hidden_size)
        self.fc_edge = nn.Linear(embedding_dim + hidden_size, hidden_size)
        layer = dict(
            self_attn_cfg=dict(
                embed_dims=hidden_size, num_heads=num_heads, dropout=dropout, batch_first=True
            ),
            ffn_cfg=dict(
                embed_dims=hidden_size, feedforward_channels=feedforward_channels, ffn_drop=dropout
            ),
        )
        self.object_encoder = DetrTransformerEncoder(num_object_layers, layer)
        self.edge_encoder = DetrTransformerEncoder(num_edge_layers, layer)
        self.fc_label = nn.Linear(hidden_size, num_classes + 1)
        self.fc_roles = nn.Linear(hidden_size, 2 * object_channels)

    def encode_objects(
        self, classes: Tensor, regions: RegionFeatures, objects: ObjectBatch
    ) -> ObjectEncoding:
        """See :meth:`ContextEncoder.encode_objects`."""
        inputs = self.fc_object(
            torch.cat([regions.objects, classes, self.position(objects.bboxes)], dim=1)
        )
        hidden = attend(self.object_encoder, inputs, objects)
        return ObjectEncoding(self.fc_label(hidden), hidden)

    def encode_edges(self, classes: Tensor, context: ObjectContext, objects: ObjectBatch) -> Tensor:
        """See :meth:`ContextEncoder.encode_edges`."""
        inputs = self.fc_edge(torch.cat([classes, context.representation], dim=1))
        return self.fc_roles(attend(self.edge_encoder, inputs, objects))


def attend(encoder: DetrTransformerEncoder, inputs: Tensor, objects: ObjectBatch) -> Tensor:
    """Run an encoder over the objects of each image.

    Args:
        encoder: Takes (B, T, H) and a mask.
        inputs: (N, H).
        objects: With the image of each object.

    Returns:
        Tensor: (N, H).
    """
    sequences = in_order(objects)
    padding = ~sequences.valid
    padding[:, 0] = False  # attention without any key gives NaN
    encoded = encoder(sequences.pad(inputs), query_pos=None, key_padding_mask=padding)
    return sequences.unpad(encoded)
