"""Find models by name: their configs and weights, as listed in ``model-index.yml``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import yaml

from mmsgp.checkpoint.download import download, sha256_of
from mmsgp.registry import SCOPE, find_config, home
from mmsgp.utils.files import replacing
from mmsgp.utils.progress import Progress

INDEX = 'model-index.yml'


def resolve_model(
    model: str | Path, weights: str | Path | None = None
) -> tuple[str, str | Path | None]:
    """Return the config and the weights of a model.

    Args:
        model: A name in the model index, the name of one of MMSGP's configs, or the
            path of a config, which is returned as it is.
        weights: Checkpoint. Defaults to None: that of the index, which is
            downloaded once.

    Returns:
        tuple[str, str]: Paths of the config file and of the checkpoint.

    Raises:
        FileNotFoundError: If there is no such config, or the weights of the entry do
            not exist.
        ConnectionError: If the weights cannot be downloaded.
        ValueError: If no model has this name, the model has no published weights, or
            they are not those of the index.
    """
    model = str(model)
    if Path(model).is_file():
        return model, weights
    if model.startswith(SCOPE):
        return find_config(model), weights
    if Path(model).suffix == '.py' or Path(model).name != model:
        raise FileNotFoundError(f'config {model} not found')
    entry, root = _find_entry(model)
    config = entry['Config']
    config = find_config(config) if config.startswith(SCOPE) else str(root / config)
    return config, _find_weights(entry, root) if weights is None else weights


def cache_folder() -> Path:
    """Return the folder that downloaded weights are kept in.

    It is ``checkpoints`` in ``MMSGP_HOME``, by default ``$XDG_CACHE_HOME/mmsgp`` or
    ``~/.cache/mmsgp``.
    """
    caches = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    return Path(os.environ.get('MMSGP_HOME') or caches / 'mmsgp').expanduser() / 'checkpoints'


def read_index(path: str | Path) -> list[dict]:
    """Read the entries of a model index.

    Args:
        path: A YAML file in the style of OpenMMLab's metafiles: ``Models``, a list of
            ``Name``, ``Config``, and optionally ``Weights``, ``SHA256``, ``Size``
            (bytes), ``Metadata`` and ``Results``.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not such a file.
    """
    try:
        entries = yaml.safe_load(Path(path).read_text(encoding='utf-8'))['Models']
        for entry in entries:
            _check_entry(entry)
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        reason = ' '.join(str(error).split())
        raise ValueError(
            f'{path} is not a model index ({type(error).__name__}: {reason})'
        ) from error
    return entries


def write_entry(path: str | Path, entry: dict) -> None:
    """Add an entry to a model index, in place of one of the same name.

    Comments at the head of the file stay.

    Args:
        path: The file; it is created if it does not exist.
        entry: See :func:`read_index`.
    """
    _check_entry(entry)
    path, head, entries = Path(path), '', []
    if path.exists():
        entries = [other for other in read_index(path) if other['Name'] != entry['Name']]
        head = re.match(r'(?:#.*\n|\n)*', path.read_text(encoding='utf-8'))[0]
    text = yaml.safe_dump(dict(Models=[*entries, entry]), sort_keys=False, allow_unicode=True)
    with replacing(path) as draft:
        draft.write_text(head + text, encoding='utf-8')


def _check_entry(entry: dict) -> None:
    for key in ('Name', 'Config'):
        if not isinstance(entry[key], str):
            raise ValueError(f'{key} must be a text, got {entry[key]!r}')
    name = entry['Name']
    if not isinstance(entry.get('Weights', ''), str):
        raise ValueError(f'{name}: Weights must be a path or an address')
    if 'SHA256' in entry and not re.fullmatch('[0-9a-f]{64}', str(entry['SHA256'])):
        raise ValueError(f'{name}: SHA256 must have 64 hexadecimal digits')
    if '://' in entry.get('Weights', '') and 'SHA256' not in entry:
        raise ValueError(f'{name}: Weights at an address need their SHA256')


def _indexes() -> Iterator[tuple[Path, Path]]:
    """Yield the model indexes, and the folders that their paths are relative to."""
    for path in filter(None, os.environ.get('MMSGP_MODEL_INDEX', '').split(os.pathsep)):
        yield Path(path), Path(path).parent
    yield home() / 'configs' / INDEX, home()


def _find_entry(name: str) -> tuple[dict, Path]:
    """Return the entry of a model, and the folder that its paths are relative to."""
    names = []
    for path, root in _indexes():
        for entry in read_index(path):
            if entry['Name'] == name:
                return entry, root
            names.append(entry['Name'])
    configs = [path.stem for path in (home() / 'configs').glob('*.py')]
    if name in configs:
        return dict(Name=name, Config=f'{SCOPE}{name}.py'), home()
    near = get_close_matches(name, sorted({*names, *configs}), n=3)
    raise ValueError(
        f'there is no model {name!r}: '
        + (f'do you mean {" or ".join(near)}?' if near else f'the index has {", ".join(names)}')
    )


def _find_weights(entry: dict, root: Path) -> str:
    """Return the path of an entry's weights; download them if they are elsewhere."""
    name, weights = entry['Name'], entry.get('Weights')
    if weights is None:
        raise ValueError(
            f'{name} has no published weights: give a checkpoint (weights=, --checkpoint). '
            f'This command trains one: mmsgp-train {SCOPE}{Path(entry["Config"]).name}'
        )
    if '://' in weights:
        path = cache_folder() / f'{name}-{entry["SHA256"][:8]}.pth'
        with Progress(f'downloading {name} (MB)', shown=not path.is_file()) as progress:

            def report(done: int, total: int | None) -> None:
                progress.update(round(done / 1e6, 1), total and round(total / 1e6, 1))

            return str(download(weights, path, entry['SHA256'], entry.get('Size'), report))
    path = root / Path(weights).expanduser()
    if not path.is_file():
        made_by = (entry.get('Metadata') or {}).get('Made By')
        raise FileNotFoundError(
            f'the weights of {name}, {path}, do not exist: '
            + (f'{made_by} makes them' if made_by else 'correct Weights in the model index')
        )
    if 'SHA256' in entry and (found := sha256_of(path)) != entry['SHA256']:
        raise ValueError(
            f'{path} has the SHA-256 {found}, but the model index expects {entry["SHA256"]} for '
            f'{name}: take another copy, or correct the index'
        )
    return str(path)
