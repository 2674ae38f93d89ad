"""Open the files of a data set; errors name the file and the problem."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mmsgp.utils.json_files import in_brief, read_json

VG_HINT = (
    '. A data set in the VG-SGG format is a folder with VG-SGG.h5, '
    'VG-SGG-dicts.json and image_data.json: point data_root at it, or '
    'write it with a converter of tools/dataset_converters'
)


def require_file(path: str, hint: str = VG_HINT) -> None:
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} does not exist{hint}')


def load_json(path: str, hint: str = VG_HINT) -> dict | list:
    """Read a JSON file.

    Args:
        path: The file.
        hint: What to do if it is missing.

    Raises:
        OSError: If the file does not exist or cannot be read.
        ValueError: If it is not JSON.
    """
    require_file(path, hint)
    return read_json(path)


def require_key(mapping: Mapping, key: str, path: str) -> None:
    """Check that an object has a key. Raises a ValueError that names the file."""
    if not isinstance(mapping, Mapping):
        raise ValueError(
            f'{path} must hold an object with the key {key!r}, not a {type(mapping).__name__}'
        )
    if key not in mapping:
        raise ValueError(f'{path} has no key {key!r}; it has {in_brief(sorted(mapping))}')
