from __future__ import annotations

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor

from mmsgp.registry import OPTIM_WRAPPERS


class _NormOnDevice:
    """Keeps the norm of clipped gradients where it is.

    MMEngine's wrappers read it, for which a GPU is waited for in each step;
    :class:`~mmsgp.engine.hooks.ScalarsHook` logs it later.

    Attributes:
        grad_norm: Of the last step; None if gradients are not clipped by their norm.
    """

    grad_norm: Tensor | None = None

    def _clip_grad(self) -> None:
        params = [
            param
            for group in self.optimizer.param_groups
            for param in group['params']
            if param.requires_grad and param.grad is not None
        ]
        self.grad_norm = self.clip_func(params, **self.clip_grad_kwargs) if params else None


@OPTIM_WRAPPERS.register_module()
class SteadyOptimWrapper(_NormOnDevice, OptimWrapper):
    """MMEngine's ``OptimWrapper``, which does not wait for a GPU.

    Args:
        *args: Arguments of ``OptimWrapper``.
        **kwargs: Arguments of ``OptimWrapper``.
    """


@OPTIM_WRAPPERS.register_module()
class SteadyAmpOptimWrapper(_NormOnDevice, AmpOptimWrapper):
    """MMEngine's ``AmpOptimWrapper``, float16 on a GPU, without waiting for the norm.

    Args:
        *args: Arguments of ``AmpOptimWrapper``.
        **kwargs: Arguments of ``AmpOptimWrapper``.
    """
