"""Build a trained model from its config and its checkpoint only."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path

import torch
import torch.nn as nn
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import _load_checkpoint, _load_checkpoint_to_model
from torch import Tensor

from mmsgp.checkpoint.integrity import check_finite
from mmsgp.checkpoint.legacy_config import check_renamed
from mmsgp.checkpoint.loading import (
    meta_of,
    naming_misfit,
    use_safe_checkpoint_loading,
    weights_of,
)
from mmsgp.engine.config_file import read_config_file
from mmsgp.models.parsers import is_parser_config
from mmsgp.registry import MODELS
from mmsgp.utils.text import in_a_line

from .embedded_config import embedded_config


def load_parser(
    config: str | Path | Config | ConfigDict | None, checkpoint: str | Path, device: str = 'cpu'
) -> nn.Module:
    """Build a parser and load all of a checkpoint into all of it.

    Args:
        config: Its config file or config. None stands for the config in the
            checkpoint; an empty one is filled with that.
        checkpoint: Path or URL of the checkpoint.
        device: Defaults to ``'cpu'``.

    Returns:
        nn.Module: The parser in eval mode, with the names of the checkpoint as
        ``dataset_meta``.

    Raises:
        ValueError: If the checkpoint holds no config and none is given, does
            not fit the model, or lacks the names of classes and predicates; if
            the config is not that of a scene graph parser; or if the device
            cannot be used.
    """
    init_default_scope('mmsgp')
    use_safe_checkpoint_loading()
    cfg = read_config_file(config) if isinstance(config, (str, Path)) else config
    cfg = Config() if cfg is None else cfg
    weights = str(checkpoint)
    loaded = _load_checkpoint(weights, map_location='cpu')
    meta = meta_of(loaded, weights)
    tensors = weights_of(loaded, weights)
    check_finite(tensors, weights)
    is_embedded = not cfg
    if is_embedded:
        if 'cfg' not in meta:
            raise ValueError(
                f'{weights} does not hold its config; checkpoints of '
                'training do: give the config file'
            )
        cfg.update(embedded_config(meta['cfg'], weights)._cfg_dict)
    if not is_parser_config(cfg.get('model')):
        type_ = (cfg.get('model') or {}).get('type')
        raise ValueError(
            f'the model of the config is a {type_}; scene graphs need a SceneGraphParser'
            if type_
            else 'the config has no model with a type: give the config of a SceneGraphParser'
        )
    if not is_embedded:
        check_renamed(cfg.model, cfg.get('filename') or 'the config')
    else:
        _check_size(cfg.model, tensors, weights)
    model = MODELS.build(cfg.model)
    with naming_misfit(weights):
        _load_checkpoint_to_model(model, loaded, strict=True)
    model.dataset_meta = _names(meta, model, weights)
    model.complete_statistics(meta['dataset_meta'])
    try:
        model.to(device)
    # AssertionError: PyTorch was built without this device. RuntimeError: this
    # machine has no such device, or its name is wrong.
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f'device {device!r} cannot be used: {str(error).splitlines()[0]}'
        ) from error
    return model.eval()


def _check_size(cfg: ConfigDict, tensors: dict[str, Tensor], weights: str) -> None:
    """Check the shapes of the weights, on a model that needs no memory.

    Raises:
        ValueError: If the model cannot be built, or differs from the checkpoint.
    """
    try:
        with torch.device('meta'):
            model = MODELS.build(cfg)
    # If allowed parts do not fit together, any error can occur.
    except Exception as error:
        raise ValueError(
            f'{weights}: its config cannot be built ({type(error).__name__}: '
            f'{in_a_line(error)}): give the config file (--config)'
        ) from error
    for name, own in model.state_dict().items():
        found = tensors.get(name)
        if found is None or found.shape != own.shape:
            shape = 'is missing' if found is None else f'is {tuple(found.shape)}'
            raise ValueError(
                f'{weights} does not fit the model of its config: {name!r} {shape}, '
                f'but the model has {tuple(own.shape)}. Give the config that it was '
                'trained with (--config)'
            )


def _names(meta: dict, model: nn.Module, weights: str) -> dict:
    """Return the names in a checkpoint, one per class and predicate of a model.

    Returns:
        dict: ``classes``, ``predicates`` and, if it is valid, ``palette``.
    """
    meta = meta.get('dataset_meta') or {}
    head, names = model.relation_head, {}
    for key, number in (('classes', head.num_classes), ('predicates', head.num_predicates)):
        found = meta.get(key) or ()
        if not isinstance(found, (list, tuple)) or not all(isinstance(name, str) for name in found):
            raise ValueError(
                f"{weights}: meta['dataset_meta'][{key!r}] must be a list "
                f'of names, got {repr(found)[:60]!r}'
            )
        if len(found) != number:
            raise ValueError(
                f"{weights}: meta['dataset_meta'][{key!r}] holds {len(found)} names, "
                f'but the model has {number} {key}. Give a checkpoint of training or '
                'of publish_model.py, which hold the names'
            )
        names[key] = found
    palette = meta.get('palette')
    if _is_palette(palette) and len(palette) == head.num_classes:
        names['palette'] = palette
    return names


def _is_palette(palette: object) -> bool:
    """Whether a value is a list of colours with three numbers each."""
    return isinstance(palette, (list, tuple)) and all(
        isinstance(color, (list, tuple))
        and len(color) == 3
        and all(isinstance(level, Integral) and 0 <= level <= 255 for level in color)
        for color in palette
    )
