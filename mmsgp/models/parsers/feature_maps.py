"""Feature maps of a detector.

Shape shorthand: B images, H x W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def extract_maps(detector: nn.Module, inputs: Tensor) -> tuple[Tensor, ...]:
    """Run a detector's ``extract_feat``.

    A GPU convolves images whose channels lie next to each other, and would change the
    layout around each convolution.

    Args:
        detector: The detector.
        inputs: (B, 3, H, W).

    Returns:
        tuple[Tensor]: The maps in the usual layout, in which MMCV pools.
    """
    if inputs.is_cuda:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    return tuple(level.contiguous() for level in detector.extract_feat(inputs))
