from __future__ import annotations

from inspect import signature

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from mmsgp.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TrainableParamsConstructor(DefaultOptimWrapperConstructor):
    """Gives the optimiser only the parameters that have a gradient.

    MMEngine's default includes frozen parameters and makes a group per
    parameter; here parameters with equal options share a group. On a GPU PyTorch's
    own optimisers update all parameters in a few kernels, unless the config sets
    ``fused`` or ``foreach``.

    Args:
        optim_wrapper_cfg: Config of the optimiser wrapper.
        paramwise_cfg: ``custom_keys`` as in MMEngine: the longest key in a
            parameter's name gives its ``lr_mult`` and ``decay_mult``. Defaults to
            None: all parameters have the same options.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        super().__init__(optim_wrapper_cfg, dict(custom_keys={}) | dict(paramwise_cfg or {}))
        others = set(self.paramwise_cfg) - {'custom_keys'}
        if others:
            raise ValueError(f'paramwise_cfg takes only custom_keys, got {sorted(others)}')

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimiser and its wrapper."""
        if fuses(self.optimizer_cfg, next(model.parameters()).device.type):
            self.optimizer_cfg = dict(self.optimizer_cfg, fused=True)
        return super().__call__(model)

    def add_params(self, params: list[dict], module: nn.Module, **kwargs) -> None:
        """Fill ``params`` with the parameter groups of a model."""
        keys = self.paramwise_cfg['custom_keys']
        by_length = sorted(sorted(keys), key=len, reverse=True)
        groups: dict[str, list[nn.Parameter]] = {}
        for name, param in module.named_parameters():
            if param.requires_grad:
                key = next((k for k in by_length if k in name), '')
                groups.setdefault(key, []).append(param)
        for key, members in groups.items():
            group = dict(params=members)
            options = keys.get(key, {})
            if 'lr_mult' in options:
                group['lr'] = self.base_lr * options['lr_mult']
            if 'decay_mult' in options:
                group['weight_decay'] = self.base_wd * options['decay_mult']
            params.append(group)


def fuses(optimizer_cfg: dict, device: str) -> bool:
    """Whether to set ``fused`` of an optimiser, which the config leaves open."""
    if device != 'cuda' or {'fused', 'foreach'} & set(optimizer_cfg):
        return False
    optimizer = getattr(torch.optim, str(optimizer_cfg['type']), None)
    return optimizer is not None and 'fused' in signature(optimizer).parameters
