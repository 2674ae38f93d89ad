"""The region proposals of Neural Motifs."""

from __future__ import annotations

import torch.nn.functional as F
from mmdet.models.dense_heads import RPNHead
from torch import Tensor

from mmsgp.registry import MODELS


@MODELS.register_module()
class ReLU6RPNHead(RPNHead):
    """MMDetection's RPN head with ReLU6 as activation.

    The weights of the reference implementation of Neural Motifs, and of those
    built on it, need it.
    """

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute scores and deltas of the A anchors of a map (B, C, H, W).

        Returns:
            tuple[Tensor, Tensor]: (B, A, H, W) and (B, 4A, H, W).
        """
        x = F.relu6(self.rpn_conv(x))
        return self.rpn_cls(x), self.rpn_reg(x)
