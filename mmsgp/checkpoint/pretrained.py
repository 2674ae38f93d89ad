"""Check that the weights of a checkpoint fit the model that starts from them."""

from __future__ import annotations

import logging
from itertools import zip_longest

import torch.nn as nn
from mmengine.logging import print_log
from mmengine.model import PretrainedInit
from mmengine.runner.checkpoint import _load_checkpoint
from torch import Tensor

from .integrity import check_finite
from .loading import meta_of, weights_of


def pretrained_cfgs(init_cfg: dict | list[dict] | None) -> list[dict]:
    """Return the entries of ``init_cfg`` that load a checkpoint.

    Raises:
        ValueError: If MMEngine would not recognise such an entry.
    """
    init_cfgs = init_cfg if isinstance(init_cfg, list) else [init_cfg or {}]
    for cfg in init_cfgs:
        if str(cfg.get('type')).endswith('.Pretrained'):
            # MMEngine loads entries with another name first instead of last.
            raise ValueError(
                f'init_cfg: random weights would replace those that type='
                f"{cfg['type']!r} loads: write type='Pretrained'"
            )
    return [cfg for cfg in init_cfgs if cfg.get('type') in ('Pretrained', PretrainedInit)]


def check_pretrained(init_cfg: dict, model: nn.Module) -> dict:
    """Check that the weights of an ``init_cfg`` fit a model.

    Args:
        init_cfg: With ``checkpoint``, a path or URL, and optionally ``prefix``,
            the prefix of the model's weights in it.
        model: The checkpoint must hold all of its weights.

    Returns:
        dict: The class names that the checkpoint was trained with, if known.

    Raises:
        ValueError: If a weight is missing or has another shape.
    """
    filename, prefix = init_cfg['checkpoint'], init_cfg.get('prefix') or ''
    if prefix and not prefix.endswith('.'):
        prefix += '.'
    weights, names = read_weights(filename, prefix)
    missing = _missing_weights(filename, weights, model, prefix)
    if missing:
        raise ValueError(
            f'{filename} has no {missing[0]!r}: it is not a '
            f'checkpoint of the configured '
            f'{type(model).__name__}'
        )
    return names


def check_load_from(filename: str, model: nn.Module, metainfo: dict) -> None:
    """Check that training can continue from a checkpoint.

    May be missing: the Scorer (re-initialised, with a warning), the class counts
    of a loss or a debiasing method, the whole detector and, if ``has_priors`` is
    0, the statistics of the training set.

    Args:
        filename: Path or URL of the checkpoint.
        model: The parser.
        metainfo: ``classes`` and ``predicates`` of the training set.

    Raises:
        ValueError: If it lacks other weights, or if shapes or class names differ,
            because it belongs to another model or data set; or if a weight is
            not finite.
    """
    weights, names = read_weights(filename)
    may_lack = ['relation_head.loss_relation.', 'relation_head.scorer.', 'relation_head.debiasing.']
    if not holds_detector(weights):
        may_lack.append('detector.')
    if not weights.get('has_priors'):
        may_lack += [name for name, _ in model.named_buffers()]
    missing = _missing_weights(filename, weights, model)
    needed = [key for key in missing if not key.startswith(tuple(may_lack))]
    if needed:
        raise ValueError(
            f'load_from: {filename} lacks {len(needed)} weights of the model, e.g. '
            f'{", ".join(needed[:3])}: use the config that it was trained with, or '
            'one that differs only in the loss or the Scorer'
        )
    for kind in ('classes', 'predicates'):
        check_names(filename, kind, names, metainfo)
    new = [key for key in missing if key.startswith('relation_head.scorer.')]
    if new:
        print_log(
            f'load_from: {filename} has no Scorer, so the Scorer starts from '
            f'random weights: {", ".join(new)}',
            logger='current',
            level=logging.WARNING,
        )


def holds_detector(weights: dict[str, Tensor]) -> bool:
    """Whether a parser's weights include its detector's."""
    return any(key.startswith('detector.') for key in weights)


def read_weights(filename: str, prefix: str = '') -> tuple[dict[str, Tensor], dict]:
    """Read the weights of a checkpoint and its class names.

    Args:
        filename: Path or URL.
        prefix: Prefix of the weights that MMEngine will load. MMEngine removes
            the ``module.`` of distributed training only without a prefix.
            Defaults to ``''``.

    Returns:
        tuple[dict, dict]: Weights by key; ``classes`` and ``predicates``, if
        the checkpoint has them.

    Raises:
        ValueError: If a weight holds NaN or infinity.
    """
    checkpoint = _load_checkpoint(filename, map_location='cpu')
    weights = weights_of(checkpoint, filename)
    check_finite(weights, filename)
    if not prefix:
        weights = {key.removeprefix('module.'): value for key, value in weights.items()}
    # MMDetection 2 wrote meta['CLASSES'], and 3 may still do so a level below.
    meta = meta_of(checkpoint, filename)
    names = {**meta, **(meta.get('dataset_meta') or {})}
    return weights, {str(key).lower(): value for key, value in names.items()}


def check_names(filename: str, kind: str, found: dict, expected: dict) -> None:
    """Check that classes or predicates mean the same in two sources.

    Args:
        filename: Where the weights come from.
        kind: ``'classes'`` or ``'predicates'``.
        found: Names that the weights were trained with, by kind; without them
            nothing is checked.
        expected: Names of the training set, by kind.

    Raises:
        ValueError: If a name differs.
    """
    if not found.get(kind) or not expected.get(kind):
        return
    for i, (own, name) in enumerate(zip_longest(found[kind], expected[kind])):
        if own != name:
            raise ValueError(
                f'{filename} was trained with other {kind}: number {i} is '
                f'{own!r}, but {name!r} in the training set. Train it on this '
                'data set; if the names mean the same, give them to the data set '
                "by 'metainfo'; to start from the names that both share, set "
                'load_from to it and load_from_by_name=True'
            )


def _missing_weights(
    filename: str, weights: dict[str, Tensor], model: nn.Module, prefix: str = ''
) -> list[str]:
    """List the model's weights that a checkpoint lacks.

    Raises:
        ValueError: If a weight has another shape.
    """
    missing = []
    for name, own in model.state_dict().items():
        key = prefix + name
        if key not in weights:
            missing.append(key)
        elif weights[key].shape != own.shape:
            raise ValueError(
                f'{filename}: {key!r} has the shape '
                f'{tuple(weights[key].shape)}, but the configured '
                f'{type(model).__name__} needs {tuple(own.shape)}. Was it trained '
                'on another data set, with other classes? To start from it all the '
                'same, by the names that both share, set load_from to it and '
                'load_from_by_name=True'
            )
    return missing
