"""A trained model from its config and its checkpoint, and from nothing else."""
from __future__ import annotations

import torch.nn as nn
from mmengine.config import Config, ConfigDict
from mmengine.runner.checkpoint import _load_checkpoint, _load_checkpoint_to_model

from mmsgp.registry import MODELS
from mmsgp.utils.config_text import parse_config_text


def load_trained_parser(cfg: Config | ConfigDict, weights: str,
                        device: str = 'cpu') -> nn.Module:
    """Build a parser and load all of a checkpoint into all of it.

    Args:
        cfg (Config): Its config. An empty one is filled with the one in the
            checkpoint.
        weights (str): Path or URL of the checkpoint.
        device (str): Defaults to ``'cpu'``.

    Returns:
        nn.Module: For prediction, with the names of the checkpoint as
        ``dataset_meta``.

    Raises:
        ValueError: If the checkpoint holds no config and none is given, does
            not fit the model, or lacks the names of classes and predicates; if
            the config is not that of a scene graph parser; or if the device
            cannot be used.
    """
    checkpoint = _load_checkpoint(weights, map_location='cpu')
    meta = checkpoint.get('meta', {})
    if not cfg:
        if 'cfg' not in meta:
            raise ValueError(f'{weights} does not hold its config, as it does '
                             'when training wrote it: give the config file')
        cfg.update(parse_config_text(meta['cfg'], weights)._cfg_dict)
    type_ = cfg.get('model', {}).get('type')
    if str(type_).split('.')[-1] != 'SceneGraphParser':
        raise ValueError(f'the model of the config is a {type_}; scene graphs need a '
                         'SceneGraphParser' if type_ else
                         'the config has no model with a type: give that of a '
                         'SceneGraphParser')
    model = MODELS.build(cfg.model)
    try:
        _load_checkpoint_to_model(model, checkpoint, strict=True)
    except RuntimeError as error:
        raise ValueError(f'{weights} does not fit the model: give the config it was '
                         f'trained with. {error}') from error
    model.dataset_meta = _names(meta, model, weights)
    try:
        model.to(device)
    # The former if PyTorch was built without the device, the latter if this
    # machine has none or its name is wrong.
    except (AssertionError, RuntimeError) as error:
        raise ValueError(f'device {device!r} cannot be used: '
                         f'{str(error).splitlines()[0]}') from error
    return model.eval()


def _names(meta: dict, model: nn.Module, weights: str) -> dict:
    """The names in a checkpoint, one for each class and predicate of a model."""
    names = meta.get('dataset_meta') or {}
    head = model.relation_head
    for key, number in (('classes', head.num_classes),
                        ('predicates', head.num_predicates)):
        found = len(names.get(key, ()))
        if found != number:
            raise ValueError(
                f"{weights}: meta['dataset_meta'][{key!r}] holds {found} names, the "
                f'model has {number} {key}. Checkpoints that training wrote hold '
                'them, and so do those of publish_model.py')
    return names
