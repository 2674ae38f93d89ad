"""The Transformer baseline of Scene-Graph-Benchmark."""

from __future__ import annotations

from mmsgp.registry import MODELS

from .gated_pair_head import GatedPairHead


@MODELS.register_module()
class TransformerHead(GatedPairHead):
    """Self-attention among objects, then a gate of each pair (Tang et al., 2020).

    A :class:`GatedPairHead` with an
    :class:`~mmsgp.models.context_encoders.SGBTransformerContext`, and the arguments of
    both.

    Args:
        hidden_size: Size of an object's context. Defaults to 512.
        num_heads: Of each attention. Defaults to 8.
        feedforward_channels: Defaults to 2048.
        num_object_layers: Defaults to 4.
        num_edge_layers: Defaults to 2.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Defaults to 0.1.
        **kwargs: See :class:`RoleProductHead`.
    """

    def __init__(
        self,
        *,
        hidden_size: int = 512,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        num_object_layers: int = 4,
        num_edge_layers: int = 2,
        position_dim: int = 128,
        dropout: float = 0.1,
        **kwargs,
    ) -> None:
        super().__init__(
            hidden_size=hidden_size,
            context=dict(
                type='SGBTransformerContext',
                num_heads=num_heads,
                feedforward_channels=feedforward_channels,
                num_object_layers=num_object_layers,
                num_edge_layers=num_edge_layers,
                position_dim=position_dim,
                dropout=dropout,
            ),
            **kwargs,
        )
