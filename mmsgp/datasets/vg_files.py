"""Open the files of a data set, or say what is wrong with them."""
from __future__ import annotations

import json
import os
from collections.abc import Iterable

import h5py

VG_HINT = ('. A data set in the VG-SGG format is a folder with VG-SGG.h5, '
           'VG-SGG-dicts.json and image_data.json: point data_root at it, or '
           'write it with a converter of tools/dataset_converters')


def require_file(path: str, hint: str = VG_HINT) -> None:
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} does not exist{hint}')


def load_json(path: str, hint: str = VG_HINT) -> dict | list:
    """Read a JSON file.

    Args:
        path: The file.
        hint: What to do if it is missing.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON.
    """
    require_file(path, hint)
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except ValueError as error:
        raise ValueError(f'{path} is not valid JSON: {error}') from error


def open_h5(path: str) -> h5py.File:
    """Open an HDF5 file to read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an HDF5 file.
    """
    require_file(path)
    try:
        return h5py.File(path, 'r')
    except OSError as error:
        raise ValueError(f'{path} is not an HDF5 file, or only a part of one: '
                         f'{error}') from error


def require_key(mapping: Iterable, key: str, path: str) -> None:
    """Raise a KeyError that names the file if it lacks a key."""
    if key not in mapping:
        raise KeyError(f'{path} has no key {key!r}; it has '
                       f'{sorted(map(str, mapping))}')
