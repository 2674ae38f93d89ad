"""The Transformer context of Scene-Graph-Benchmark.

Shape shorthand: N objects of a batch, H hidden units, d_o features of an object.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from mmdet.models.layers.transformer import DetrTransformerEncoder
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import BOX_CODE_DIM, box_codes, init_xavier
from ..relation_heads.head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .base import ContextEncoder
from .transformer import attend


@MODELS.register_module()
class SGBTransformerContext(ContextEncoder):
    """Self-attention among the objects of an image, as in Scene-Graph-Benchmark.

    Object context: an encoder over [visual feature, class embedding, box code]. Edge
    context: an encoder over [visual feature, object context, label embedding]. An encoder
    layer normalises after each sum. Source: ``TransformerContext`` of Tang et al.,
    *Unbiased Scene Graph Generation from Biased Training* (2020).

    Args:
        num_classes: See :class:`ContextEncoder`, as the next three.
        object_channels: d_o.
        image_channels: Not used.
        embedding_dim: Size of a class embedding.
        hidden_size: H. Defaults to 512.
        num_heads: Of each attention. Defaults to 8.
        feedforward_channels: Defaults to 2048.
        num_object_layers: Defaults to 4.
        num_edge_layers: Defaults to 2.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Of attention weights, of what a layer adds, and of positions. Defaults to
            0.1.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        object_channels: int,
        image_channels: int,
        embedding_dim: int,
        hidden_size: int = 512,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        num_object_layers: int = 4,
        num_edge_layers: int = 2,
        position_dim: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.position = nn.Sequential(
            nn.Linear(BOX_CODE_DIM, 32),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(32, position_dim),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
        self.fc_object = nn.Linear(object_channels + embedding_dim + position_dim, hidden_size)
        self.fc_edge = nn.Linear(object_channels + hidden_size + embedding_dim, hidden_size)
        sizes = hidden_size, num_heads, feedforward_channels, dropout
        self.object_encoder = build_encoder(num_object_layers, *sizes)
        self.edge_encoder = build_encoder(num_edge_layers, *sizes)
        self.fc_label = nn.Linear(hidden_size, num_classes + 1)
        self.fc_roles = nn.Linear(hidden_size, 2 * hidden_size)
        nn.init.normal_(self.fc_roles.weight, std=10 * hidden_size**-0.5)
        nn.init.zeros_(self.fc_roles.bias)

    def encode_objects(
        self, classes: Tensor, regions: RegionFeatures, objects: ObjectBatch
    ) -> ObjectEncoding:
        """See :meth:`ContextEncoder.encode_objects`; visual features come first."""
        position = self.position(box_codes(objects))
        inputs = self.fc_object(torch.cat([regions.objects, classes, position], dim=1))
        hidden = attend(self.object_encoder, inputs, objects)
        return ObjectEncoding(self.fc_label(hidden), torch.cat([regions.objects, hidden], dim=1))

    def encode_edges(self, classes: Tensor, context: ObjectContext, objects: ObjectBatch) -> Tensor:
        """See :meth:`ContextEncoder.encode_edges`; roles have H values each."""
        inputs = self.fc_edge(torch.cat([context.representation, classes], dim=1))
        return self.fc_roles(attend(self.edge_encoder, inputs, objects))


def build_encoder(
    num_layers: int, hidden_size: int, num_heads: int, feedforward_channels: int, dropout: float
) -> DetrTransformerEncoder:
    """Build post-norm layers with the source's initialisation and dropout."""
    encoder = DetrTransformerEncoder(
        num_layers,
        dict(
            self_attn_cfg=dict(
                embed_dims=hidden_size,
                num_heads=num_heads,
                attn_drop=dropout,
                dropout_layer=dict(type='Dropout', drop_prob=dropout),
                batch_first=True,
            ),
            ffn_cfg=dict(
                embed_dims=hidden_size, feedforward_channels=feedforward_channels, ffn_drop=dropout
            ),
        ),
    )
    for layer in encoder.layers:
        attention = layer.self_attn.attn
        std = (2 / (hidden_size + hidden_size // num_heads)) ** 0.5
        nn.init.normal_(attention.in_proj_weight, std=std)
        init_xavier(attention.out_proj)
        layer.ffn.layers[0][2].p = 0.0  # only what a layer adds is dropped
    return encoder
