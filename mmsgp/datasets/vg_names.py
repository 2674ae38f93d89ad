"""Read the names of classes and predicates in the VG-SGG format."""
from __future__ import annotations

from .vg_files import load_json, require_key


def read_vg_names(dict_file: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read the names of classes and predicates.

    Args:
        dict_file: Path of ``VG-SGG-dicts.json``.

    Returns:
        C class names and R predicate names, in the order of their indices.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError: If a key is missing.
        ValueError: If the file is not JSON, if indices are not ``1 .. n``, or
            if the two directions of a mapping disagree.
    """
    dicts = load_json(dict_file)
    return (_read_names(dicts, 'label', dict_file),
            _read_names(dicts, 'predicate', dict_file))


def _read_names(dicts: dict, kind: str, path: str) -> tuple[str, ...]:
    """Names in the order of their 1-based indices."""
    if not isinstance(dicts, dict):
        raise ValueError(f'{path} must hold an object with idx_to_label and '
                         f'idx_to_predicate, not a {type(dicts).__name__}')
    for key in (f'idx_to_{kind}', f'{kind}_to_idx'):
        require_key(dicts, key, path)
    by_index = dicts[f'idx_to_{kind}']
    missing = [
        i for i in range(1,
                         len(by_index) + 1) if str(i) not in by_index
    ]
    if missing:
        raise ValueError(
            f'{path}: the {len(by_index)} keys of idx_to_{kind} must be '
            f"'1' .. '{len(by_index)}', but '{missing[0]}' is missing")
    inverse = {name: int(i) for i, name in by_index.items()}
    if inverse != dicts[f'{kind}_to_idx'] or len(inverse) != len(by_index):
        wrong = sorted(
            set(inverse.items()) ^ set(dicts[f'{kind}_to_idx'].items()))
        raise ValueError(
            f"{path}: idx_to_{kind} and {kind}_to_idx are not each other's "
            f'inverse; they differ in {wrong[:4] or "a name used twice"}')
    return tuple(by_index[str(i)] for i in range(1, len(by_index) + 1))
