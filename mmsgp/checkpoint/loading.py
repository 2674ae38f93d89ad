"""Load checkpoints without running the code inside them."""

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


def load_checkpoint_file(
    filename: str | Path, map_location: str | torch.device | None = None
) -> dict:
    """Load an undamaged checkpoint without running the code inside it.

    Args:
        filename: Path of a checkpoint.
        map_location: As in :func:`torch.load`.

    Returns:
        dict: The checkpoint, without ``meta['config']``: MMEngine runs that
        text when training resumes.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is damaged, differs from its checksum, holds code, or
            is not a checkpoint.
    """
    checkpoint = read_checkpoint(filename, map_location)
    check_checksum(checkpoint, filename)
    weights_of(checkpoint, filename)
    meta_of(checkpoint, filename).pop('config', None)
    return checkpoint


def meta_of(checkpoint: dict, filename: str | Path) -> dict:
    """Return the ``meta`` of a checkpoint, empty if it has none.

    Raises:
        ValueError: If ``meta`` or its ``dataset_meta`` is not a dict.
    """
    meta = checkpoint.get('meta') or {}
    if not isinstance(meta, dict):
        raise _wrong_entry(filename, 'meta', meta)
    if not isinstance(meta.get('dataset_meta') or {}, dict):
        raise _wrong_entry(filename, "meta['dataset_meta']", meta['dataset_meta'])
    return meta


def weights_of(checkpoint: dict, filename: str | Path) -> dict[str, Tensor]:
    """Return the tensors by name, of ``state_dict`` or of a file without it.

    Raises:
        ValueError: If ``state_dict`` is not a dict of weights by name, or a
            tensor claims more memory than the file holds.
    """
    weights = checkpoint.get('state_dict', checkpoint)
    if not isinstance(weights, dict):
        raise _wrong_entry(filename, 'state_dict', weights)
    tensors = {key: value for key, value in weights.items() if isinstance(value, Tensor)}
    for key, value in tensors.items():
        if not isinstance(key, str):
            raise _wrong_entry(filename, 'a name in state_dict', key)
        # A view could repeat one number a billion times and fill the memory.
        if value.layout == torch.strided and value.nbytes > value.untyped_storage().nbytes():
            raise ValueError(
                f'{filename}: {key!r} is damaged: the file holds fewer numbers than '
                f'its shape {tuple(value.shape)}. Take another copy or checkpoint'
            )
    return tensors


def _wrong_entry(filename: str | Path, key: str, value: object) -> ValueError:
    return ValueError(
        f'{filename}: {key} is {repr(value)[:60]!r}, a {type(value).__name__}: this '
        'is not valid in a checkpoint. Take another copy or another checkpoint'
    )


def download_checkpoint(url: str, map_location: str | torch.device | None = None) -> dict:
    """Load a checkpoint from a URL as safely as from a file.

    Args:
        url: An ``http`` or ``https`` address; the file stays in PyTorch's cache.
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
    """Write only the weights and class names of a training checkpoint.

    The file is written completely or not at all.

    Args:
        checkpoint: A checkpoint of MMEngine's Runner.
        target: The file to write.

    Raises:
        ValueError: If the checkpoint holds only weights.
    """
    full = load_checkpoint_file(str(checkpoint), map_location='cpu')
    if 'state_dict' not in full:
        raise ValueError(
            f'{checkpoint} has no state_dict, only {", ".join(map(str, full))[:60]}: '
            'give a checkpoint of a training run. A file of plain weights can be '
            'loaded as it is'
        )
    published = dict(
        state_dict=full['state_dict'],
        meta=dict(dataset_meta=meta_of(full, checkpoint).get('dataset_meta')),
    )
    add_checksum(published)
    with replacing(target) as draft:
        torch.save(published, draft)


def load_trained_model(runner: Runner, checkpoint: str) -> None:
    """Load a checkpoint for a test; its weights and the model's must be the same.

    Args:
        runner: Its model gets the weights.
        checkpoint: Path or URL.

    Raises:
        ValueError: If the checkpoint lacks weights of the model, has additional
            ones or other shapes, because it belongs to another config; or if a
            weight is not finite.
    """
    with naming_misfit(checkpoint):
        loaded = runner.load_checkpoint(checkpoint, map_location='cpu', strict=True)
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
            f'with. {in_a_line(error)}'
        ) from error


def use_safe_checkpoint_loading() -> None:
    """Make MMEngine load checkpoints with the functions of this module.

    MMEngine's own functions run the code in a pickle.
    """

    # MMEngine logs the name of the loader without its first ten letters.
    def load_from_local(filename: str, map_location=None) -> dict:
        return load_checkpoint_file(filename, map_location)

    def load_from_http(filename: str, map_location=None, **kwargs) -> dict:
        return download_checkpoint(filename, map_location)

    def load_downloaded(file, map_location=None, **kwargs) -> dict:
        if not isinstance(file, (str, Path)):
            raise ValueError(
                'checkpoints load only from files and from http(s) '
                'addresses: download it, and give its path'
            )
        return load_checkpoint_file(file, map_location)

    CheckpointLoader.register_scheme('', load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), load_from_http, force=True)
    # The loaders of torchvision://, s3:// and others call one of these two.
    mmengine_checkpoint.load_from_http = load_from_http
    mmengine_checkpoint._safe_torch_load = load_downloaded
