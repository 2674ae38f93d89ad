"""The node-priority-sensitive loss of objects.

Shape shorthand: N objects of a batch, C object classes.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS


def node_focus(degrees: Tensor, image_ids: Tensor) -> Tensor:
    """Compute the focusing exponent of each object.

    ``min(2, -(1 - 2 t)^5 log(2 t))`` with the object's share t of the degrees of its
    image, which is at most a half; 2 for an object without relations. Source: GPS-Net (Lin
    et al., 2020).

    Args:
        degrees: (N,), annotated relations of each object, as subject or as object.
        image_ids: (N,), image of each object.

    Returns:
        Tensor: (N,), in 0 .. 2.
    """
    total = torch.zeros_like(degrees).index_add(0, image_ids, degrees)
    share = 2 * degrees / total[image_ids].clamp(min=1)
    focus = -((1 - share).clamp(min=0) ** 5) * share.clamp(min=1e-12).log()
    return focus.clamp(min=0, max=2)


@MODELS.register_module()
class NodePriorityLoss(nn.Module):
    """A focal loss that cares less for hard objects the more relations they have.

    ``mean(-(1 - p)^g log p)`` with the probability p of the true class, without gradient
    in the weight, and g of :func:`node_focus`.

    Args:
        loss_weight: Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor, focus: Tensor | float = 2.0) -> Tensor:
        """Compute the loss.

        Args:
            logits: (N, C+1).
            labels: (N,).
            focus: (N,), exponents. Defaults to 2.0, that of objects without relations.
        """
        if len(labels) == 0:
            return logits.sum() * 0
        loss = F.cross_entropy(logits, labels, reduction='none')
        hardness = 1 - torch.exp(-loss.detach())
        return self.loss_weight * (hardness**focus * loss).mean()
