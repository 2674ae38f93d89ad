"""Attention between two sets of rows.

Shape shorthand: B batches, Q queries, K keys, D channels, A heads.
"""

from __future__ import annotations

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class Attention(nn.Module):
    """Scaled dot-product attention with four linear layers.

    Args:
        channels: D.
        num_heads: A.
        key_channels: Channels of the keys. Defaults to None: D.
        bias: Whether the linear layers have biases. Defaults to True.
        dropout: Of attention weights. Defaults to 0.
    """

    def __init__(
        self,
        channels: int,
        num_heads: int,
        key_channels: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        key_channels = key_channels or channels
        self.query = nn.Linear(channels, channels, bias=bias)
        self.key = nn.Linear(key_channels, channels, bias=bias)
        self.value = nn.Linear(key_channels, channels, bias=bias)
        self.out = nn.Linear(channels, channels, bias=bias)

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        mask: Tensor | None = None,
        offset: Tensor | None = None,
    ) -> Tensor:
        """Attend.

        Args:
            queries: (B, Q, D).
            keys: (B, K, key_channels), also the values.
            mask: True where a query may see a key, of a shape that broadcasts to (B, A, Q,
                K). Each query needs a key. Defaults to None: everywhere.
            offset: (B, Q, A), added to each number of a head's query. Defaults to None.

        Returns:
            Tensor: (B, Q, D).
        """
        query, key, value = (
            layer(rows).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for layer, rows in ((self.query, queries), (self.key, keys), (self.value, keys))
        )
        if offset is not None:
            query = query + offset.transpose(1, 2)[..., None]
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout
        )
        return self.out(attended.transpose(1, 2).flatten(2))
