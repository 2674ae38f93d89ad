"""What the samples of a batch say, as tensors on the model's device.

Shape shorthand: B images, C object classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmsgp.structures import SceneGraph, SceneGraphDataSample


def image_sizes(samples: Sequence[SceneGraphDataSample], like: Tensor) -> Tensor:
    """Return width and height of each image without padding.

    Args:
        samples: With ``img_shape``.
        like: Gives data type and device.

    Returns:
        Tensor: (B, 2).
    """
    sizes = torch.tensor([sample.img_shape[1::-1] for sample in samples], dtype=like.dtype)
    return sizes.view(-1, 2).to(like.device, non_blocking=True)


def present_classes(graphs: Sequence[SceneGraph], num_classes: int) -> Tensor:
    """Return which classes are annotated in each image: (B, C) bool."""
    return torch.stack(
        [
            graph.objects.labels.new_zeros(num_classes, dtype=torch.bool).index_fill(
                0, graph.objects.labels, True
            )
            for graph in graphs
        ]
    )
