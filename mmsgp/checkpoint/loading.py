"""Loading checkpoints without running the code inside them."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_rank
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from mmsgp.utils.files import replacing
from mmsgp.utils.text import in_a_line

from .file import read_checkpoint
from .integrity import add_checksum, check_checksum, check_finite
from .integrity import check_sound as check_sound


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
    """The ``meta`` of a checkpoint, empty if it has none.

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
        state_dict=full['state_dict'],
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
    with naming_misfit(checkpoint):
        loaded = runner.load_checkpoint(
            checkpoint, map_location='cpu', strict=True)
    check_finite(weights_of(loaded, checkpoint), checkpoint)


@contextmanager
def naming_misfit(filename: str | Path) -> Iterator[None]:
    """Name the checkpoint whose weights do not fit the model.

    Raises:
        ValueError: Instead of PyTorch's ``RuntimeError``.
    """
    try:
        yield
    except RuntimeError as error:
        raise ValueError(
            f'{filename} does not fit the model: give the config it was trained '
            f'with. {in_a_line(error)}') from error


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
