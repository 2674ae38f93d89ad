from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from torch import nn

from mmsgp.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16, on a CPU too.

    MMEngine's ``AmpOptimWrapper`` needs a GPU, for it scales the loss. The
    exponents of bfloat16 reach as far as those of float32: nothing is scaled.

    Args:
        **kwargs: Arguments of MMEngine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """What a training step of ``model`` runs in."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
