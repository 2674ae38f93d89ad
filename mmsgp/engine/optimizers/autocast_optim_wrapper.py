from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from mmsgp.registry import OPTIM_WRAPPERS

from .gradient_norm import SteadyOptimWrapper


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(SteadyOptimWrapper):
    """Mixed precision in bfloat16, on a CPU too.

    MMEngine's ``AmpOptimWrapper`` needs a GPU, because it scales the loss.
    bfloat16 has the exponents of float32 and needs no scaling.

    Args:
        **kwargs: Arguments of MMEngine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of a training step of ``model``."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
