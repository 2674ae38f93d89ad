"""Read the names of classes and predicates in the VG-SGG format."""

from __future__ import annotations

from mmsgp.utils.json_files import in_brief

from .files import load_json, require_key


def read_vg_names(dict_file: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read the names of classes and predicates.

    Args:
        dict_file: Path of ``VG-SGG-dicts.json``.

    Returns:
        C class names and R predicate names, in the order of their indices.

    Raises:
        OSError: If the file does not exist or cannot be read.
        ValueError: If the file is not JSON, lacks a key, if indices are not
            ``1 .. n``, a name is not one line of text, or if the two
            directions of a mapping disagree.
    """
    dicts = load_json(dict_file)
    return (_read_names(dicts, 'label', dict_file), _read_names(dicts, 'predicate', dict_file))


def _read_names(dicts: dict, kind: str, path: str) -> tuple[str, ...]:
    """Return the names in the order of their 1-based indices."""
    for key in (f'idx_to_{kind}', f'{kind}_to_idx'):
        require_key(dicts, key, path)
        if not isinstance(dicts[key], dict):
            raise ValueError(f'{path}: {key} must be an object, not {in_brief(dicts[key])}')
    by_index, indices = dicts[f'idx_to_{kind}'], dicts[f'{kind}_to_idx']
    numbers = range(1, len(by_index) + 1)
    missing = next((i for i in numbers if str(i) not in by_index), None)
    if missing is not None:
        raise ValueError(
            f'{path}: the {len(by_index)} keys of idx_to_{kind} must be '
            f"'1' .. '{len(by_index)}', but '{missing}' is missing"
        )
    names = tuple(by_index[str(i)] for i in numbers)
    for number, name in zip(numbers, names):
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise ValueError(
                f"{path}: idx_to_{kind} has {in_brief(name)} at '{number}', expected a name"
            )
    for name, number in indices.items():
        if type(number) is not int:
            raise ValueError(
                f'{path}: {kind}_to_idx has {in_brief(number)} at '
                f'{in_brief(name)}, expected a whole number'
            )
    expected = dict(zip(names, numbers))
    if expected != indices or len(expected) != len(names):
        wrong = sorted(set(expected.items()) ^ set(indices.items()))
        raise ValueError(
            f"{path}: idx_to_{kind} and {kind}_to_idx are not each other's "
            'inverse; they differ in '
            f'{in_brief(wrong[:4]) if wrong else "a name used twice"}'
        )
    return names
