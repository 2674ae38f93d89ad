"""Check that weights of a checkpoint fit the model that they start."""
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
    """Those of a module's initialisations that load a file.

    Raises:
        ValueError: If MMEngine would not take one for such.
    """
    init_cfgs = init_cfg if isinstance(init_cfg, list) else [init_cfg or {}]
    for cfg in init_cfgs:
        if str(cfg.get('type')).endswith('.Pretrained'):
            # By another name the file is loaded first instead of last.
            raise ValueError(
                f"init_cfg: type={cfg['type']!r} loads weights that random ones "
                "then replace: write type='Pretrained'")
    return [cfg for cfg in init_cfgs
            if cfg.get('type') in ('Pretrained', PretrainedInit)]


def check_pretrained(init_cfg: dict, model: nn.Module) -> dict:
    """Refuse an initialisation whose weights do not fit a model.

    Args:
        init_cfg (dict): With ``checkpoint``, path or URL, and perhaps the
            ``prefix`` of the model's weights in it.
        model (nn.Module): All of its weights must be there.

    Returns:
        dict: The names that the checkpoint was trained with, if it knows them.

    Raises:
        ValueError: If a weight is missing or has another shape.
    """
    filename, prefix = init_cfg['checkpoint'], init_cfg.get('prefix') or ''
    if prefix and not prefix.endswith('.'):
        prefix += '.'
    weights, names = read_weights(filename, prefix)
    missing = _missing_weights(filename, weights, model, prefix)
    if missing:
        raise ValueError(f'{filename} has no {missing[0]!r}: it is not a '
                         f'checkpoint of the configured '
                         f'{type(model).__name__}')
    return names


def check_start(filename: str, model: nn.Module, metainfo: dict) -> None:
    """Refuse a checkpoint that a parser cannot be trained on from.

    It may lack a Scorer, which is then trained anew, what a loss or a
    debiasing method counts, and all of the detector; and what a model takes of
    its training set, if it says that it has none of it.

    Args:
        filename (str): Path or URL of the checkpoint.
        model (SceneGraphParser): The parser.
        metainfo (dict): ``classes`` and ``predicates`` of the training set.

    Raises:
        ValueError: If it lacks other weights, or has others of other shapes or
            names: it is another model's or another data set's. If they hold NaN.
    """
    weights, names = read_weights(filename)
    may_lack = ['relation_head.loss_relation.', 'relation_head.scorer.',
                'relation_head.debiasing.']
    if not holds_detector(weights):
        may_lack.append('detector.')
    if not weights.get('has_priors'):
        may_lack += [name for name, _ in model.named_buffers()]
    missing = _missing_weights(filename, weights, model)
    needed = [key for key in missing if not key.startswith(tuple(may_lack))]
    if needed:
        raise ValueError(
            f'load_from: {filename} lacks {len(needed)} weights of the model, '
            f'{", ".join(needed[:3])} among them: go on with the config it was '
            'trained with, or one that differs in loss or Scorer alone')
    for kind in ('classes', 'predicates'):
        check_names(filename, kind, names, metainfo)
    new = [key for key in missing if key.startswith('relation_head.scorer.')]
    if new:
        print_log(f'load_from: {filename} has no Scorer, it starts from '
                  f'random weights: {", ".join(new)}',
                  logger='current', level=logging.WARNING)


def holds_detector(weights: dict[str, Tensor]) -> bool:
    """Whether a parser's weights include its detector's."""
    return any(key.startswith('detector.') for key in weights)


def read_weights(filename: str,
                 prefix: str = '') -> tuple[dict[str, Tensor], dict]:
    """Weights of a checkpoint and the names it knows.

    Args:
        filename (str): Path or URL.
        prefix (str): Of the weights that MMEngine is to load. It leaves out
            the ``module.`` of distributed training only where there is none.
            Defaults to ``''``.

    Returns:
        tuple[dict, dict]: Weights by key, and ``classes`` and ``predicates``
        as far as they are known.

    Raises:
        ValueError: If a weight holds NaN or infinity.
    """
    checkpoint = _load_checkpoint(filename, map_location='cpu')
    weights = weights_of(checkpoint, filename)
    check_finite(weights, filename)
    if not prefix:
        weights = {key.removeprefix('module.'): value
                   for key, value in weights.items()}
    # MMDetection 2 wrote meta['CLASSES'], and 3 may still do so a level below.
    meta = meta_of(checkpoint, filename)
    names = {**meta, **(meta.get('dataset_meta') or {})}
    return weights, {
        str(key).lower(): value for key, value in names.items()}


def check_names(filename: str, kind: str, found: dict, expected: dict) -> None:
    """Refuse weights whose classes or predicates mean something else.

    Args:
        filename (str): Where the weights come from.
        kind (str): ``'classes'`` or ``'predicates'``.
        found (dict): Names that the weights were trained with, by kind; nothing
            is refused where they are not known.
        expected (dict): Names of the training set, by kind.

    Raises:
        ValueError: If a name differs.
    """
    if not found.get(kind) or not expected.get(kind):
        return
    for i, (own, name) in enumerate(
            zip_longest(found[kind], expected[kind])):
        if own != name:
            raise ValueError(
                f'{filename} was trained with other {kind}: number {i} is '
                f'{own!r}, and {name!r} in the training set. Train it on this '
                "data set, or give the data set its names by 'metainfo' if "
                'they mean the same')


def _missing_weights(filename: str, weights: dict[str, Tensor],
                     model: nn.Module, prefix: str = '') -> list[str]:
    """What weights lack of a model's.

    Raises:
        ValueError: If one has another shape.
    """
    missing = []
    for name, own in model.state_dict().items():
        key = prefix + name
        if key not in weights:
            missing.append(key)
        elif weights[key].shape != own.shape:
            raise ValueError(
                f'{filename}: {key!r} has the shape '
                f'{tuple(weights[key].shape)}, the configured '
                f'{type(model).__name__} {tuple(own.shape)}. Was it trained '
                'on another data set, with other classes?')
    return missing
