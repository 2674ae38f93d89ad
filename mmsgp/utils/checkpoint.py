"""Loading checkpoints without running the code inside them."""
from __future__ import annotations

import logging
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

import torch
import torch.nn as nn
from mmengine.dist import barrier, get_rank
from mmengine.logging import print_log
from mmengine.model import PretrainedInit
from mmengine.runner import Runner
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint
from torch import Tensor

from .checkpoint_file import read_checkpoint
from .checkpoint_integrity import add_checksum, check_checksum, check_finite
from .checkpoint_integrity import check_sound as check_sound
from .files import replacing


def load_checkpoint_file(filename: str | Path, map_location=None) -> dict:
    """Load a checkpoint that is as it was saved, and run nothing of it.

    Args:
        filename: Path of a checkpoint.
        map_location: As in :func:`torch.load`.

    Returns:
        dict: The checkpoint, without ``meta['config']``: MMEngine runs that
        text when a training is resumed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, differs from its checksum, holds code, or
            is no checkpoint.
    """
    checkpoint = read_checkpoint(filename, map_location)
    check_checksum(checkpoint, filename)
    weights_of(checkpoint, filename)
    meta_of(checkpoint, filename).pop('config', None)
    return checkpoint


def meta_of(checkpoint: dict, filename: str | Path) -> dict:
    """What a checkpoint tells of itself, nothing if it has no ``meta``.

    Raises:
        ValueError: If that, or its ``dataset_meta``, is no dict.
    """
    meta = checkpoint.get('meta') or {}
    if not isinstance(meta, dict):
        raise _wrong_entry(filename, 'meta', meta)
    if not isinstance(meta.get('dataset_meta') or {}, dict):
        raise _wrong_entry(filename, "meta['dataset_meta']", meta['dataset_meta'])
    return meta


def weights_of(checkpoint: dict, filename: str | Path) -> dict[str, Tensor]:
    """The tensors of ``state_dict``, or of a file that is one, by name.

    Raises:
        ValueError: If ``state_dict`` is no dict of weights by name, or a tensor
            claims more memory than the file holds.
    """
    weights = checkpoint.get('state_dict', checkpoint)
    if not isinstance(weights, dict):
        raise _wrong_entry(filename, 'state_dict', weights)
    tensors = {key: value for key, value in weights.items()
               if isinstance(value, Tensor)}
    for key, value in tensors.items():
        if not isinstance(key, str):
            raise _wrong_entry(filename, 'a name in state_dict', key)
        # A view may repeat one number a billion times.
        if value.layout == torch.strided and \
                value.nbytes > value.untyped_storage().nbytes():
            raise ValueError(
                f'{filename}: {key!r} is damaged: {tuple(value.shape)} numbers are '
                'more than the file holds. Take another copy or another checkpoint')
    return tensors


def _wrong_entry(filename: str | Path, key: str, value: object) -> ValueError:
    return ValueError(
        f'{filename}: {key} is {repr(value)[:60]!r}, a {type(value).__name__}, as in '
        'no checkpoint. Take another copy or another checkpoint')


def download_checkpoint(url: str, map_location=None) -> dict:
    """Load a checkpoint by URL, as safely as from a file.

    Args:
        url (str): ``http`` or ``https``; the file is kept in PyTorch's cache.
        map_location: As in :func:`torch.load`.
    """
    name = PurePosixPath(urlparse(url).path).name
    path = Path(torch.hub.get_dir(), 'checkpoints', name)
    if get_rank() == 0 and not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        print_log(f'downloading {url} to {path}', logger='current')
        torch.hub.download_url_to_file(url, str(path), progress=False)
    barrier()
    return load_checkpoint_file(str(path), map_location)


def publish_weights(checkpoint: str | Path, target: str | Path) -> None:
    """Write a training checkpoint's weights and class names alone.

    The file appears complete or not at all.

    Args:
        checkpoint: A checkpoint of MMEngine's Runner.
        target: The file to write.

    Raises:
        ValueError: If the checkpoint holds weights alone.
    """
    full = load_checkpoint_file(str(checkpoint), map_location='cpu')
    if 'state_dict' not in full:
        raise ValueError(
            f'{checkpoint} has no state_dict but {", ".join(map(str, full))[:60]}: '
            'give a checkpoint of a training run. Plain weights load as they '
            'are')
    published = dict(
        state_dict=weights_of(full, checkpoint),
        meta=dict(dataset_meta=meta_of(full, checkpoint).get('dataset_meta')))
    add_checksum(published)
    with replacing(target) as draft:
        torch.save(published, draft)


def load_trained_model(runner: Runner, checkpoint: str) -> None:
    """Load a checkpoint to test it: all of it, into all of the model.

    Args:
        runner (Runner): Its model is loaded into.
        checkpoint (str): Path or URL.

    Raises:
        ValueError: If the checkpoint lacks weights of the model, has others
            or of other shapes: it is another config's. If they hold NaN.
    """
    try:
        loaded = runner.load_checkpoint(
            checkpoint, map_location='cpu', strict=True)
    except RuntimeError as error:
        raise ValueError(
            f'{checkpoint} does not fit the model: test it with the config it '
            f'was trained with. {error}') from error
    check_finite(weights_of(loaded, checkpoint), checkpoint)


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

    It may lack a Scorer, which is then trained anew, what a loss counts, and
    all of the detector; and what a model takes of its training set, if it
    says that it has none of it.

    Args:
        filename (str): Path or URL of the checkpoint.
        model (SceneGraphParser): The parser.
        metainfo (dict): ``classes`` and ``predicates`` of the training set.

    Raises:
        ValueError: If it lacks other weights, or has others of other shapes or
            names: it is another model's or another data set's. If they hold NaN.
    """
    weights, names = read_weights(filename)
    may_lack = ['relation_head.loss_relation.', 'relation_head.scorer.']
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


def refuse_unsafe_checkpoints() -> None:
    """Make MMEngine load checkpoints by the functions of this module.

    MMEngine's own run a pickle that is more than data, whatever way it came.
    """

    # MMEngine logs the loader's name without its first ten letters.
    def load_from_local(filename: str, map_location=None) -> dict:
        return load_checkpoint_file(filename, map_location)

    def load_from_http(filename: str, map_location=None, **kwargs) -> dict:
        return download_checkpoint(filename, map_location)

    def load_downloaded(file, map_location=None, **kwargs) -> dict:
        if not isinstance(file, (str, Path)):
            raise ValueError('checkpoints load from files and from http(s) addresses '
                             'alone: download it, and give its path')
        return load_checkpoint_file(file, map_location)

    CheckpointLoader.register_scheme('', load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'),
                                     load_from_http,
                                     force=True)
    # The loaders of torchvision://, s3:// and others end in one of these two.
    mmengine_checkpoint.load_from_http = load_from_http
    mmengine_checkpoint._safe_torch_load = load_downloaded
