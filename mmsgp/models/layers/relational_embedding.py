"""Attention among the objects of an image.

Shape shorthand: N objects of a batch, I inputs, D outputs.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .object_sequences import FixedSequences, ObjectSequences


class RelationalEmbedding(nn.Module):
    """``O1 = O + fc0(softmax((W O)(U O)^T)(H O))``, ``O2 = fc1(O1)``.

    Source: LinkNet (Woo et al., 2018). Objects attend to those of their
    image.

    Args:
        in_channels: I.
        out_channels: D.
        reduction: W, U and H map to ``I // reduction``. Defaults to 2.
    """

    def __init__(self, in_channels: int, out_channels: int, reduction: int = 2) -> None:
        super().__init__()
        inner = in_channels // reduction
        self.query = nn.Linear(in_channels, inner)  # W
        self.key = nn.Linear(in_channels, inner)  # U
        self.value = nn.Linear(in_channels, inner)  # H
        self.fc_residual = nn.Linear(inner, in_channels)  # fc0
        self.fc_out = nn.Linear(in_channels, out_channels)  # fc1

    def forward(
        self, inputs: Tensor, sequences: ObjectSequences | FixedSequences
    ) -> tuple[Tensor, Tensor]:
        """Embed objects.

        Args:
            inputs: (N, I).
            sequences: The objects of each image, see :func:`in_order`.

        Returns:
            tuple[Tensor, Tensor]: ``O1``, (N, I), and ``O2``, (N, D).
        """
        query, key, value = (
            sequences.pad(fc(inputs))[:, None] for fc in (self.query, self.key, self.value)
        )
        # Padding attends to itself, because softmax needs at least one key.
        steps = sequences.valid.shape[1]
        mask = sequences.valid[:, None, None, :] | torch.eye(
            steps, dtype=torch.bool, device=inputs.device
        )
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)[
            :, 0
        ]
        embedded = inputs + self.fc_residual(sequences.unpad(attended))
        return embedded, self.fc_out(embedded)
