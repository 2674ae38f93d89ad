"""Keep computed statistics in a file for the next run."""
from __future__ import annotations

import json
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np
from mmengine.logging import print_log

from mmsgp.utils.files import replacing
from mmsgp.utils.hashing import hash_files

from .statistics import DatasetStatistics

# Raise it whenever the same annotations would give other statistics.
_VERSION = 1


def content_key(paths: Sequence[str], **options) -> str:
    """A hash of the content of files and of options, 32 hex digits."""
    settings = json.dumps([_VERSION, options], sort_keys=True)
    return hash_files(paths, prefix=settings.encode())


def load_or_compute(folder: str, key: str,
                    compute: Callable[[], DatasetStatistics]
                    ) -> DatasetStatistics:
    """Read ``statistics_<key>.npz`` of a folder, or compute and write it.

    A file that cannot be read is computed anew, and a folder that cannot be
    written to costs a warning and the next run's time.

    Args:
        folder: Made if missing.
        key: Says what the statistics depend on, see :func:`content_key`.
        compute: Gives the statistics if there is no such file.
    """
    path = os.path.join(folder, f'statistics_{key}.npz')
    if os.path.isfile(path):
        try:
            return _load(path)
        except (OSError, ValueError, KeyError, EOFError,
                zipfile.BadZipFile, zlib.error) as error:
            _warn(f'Computing {path} anew, it cannot be read: {error}')
    statistics = compute()
    try:
        _save(statistics, path)
    except OSError as error:
        _warn(f'The statistics of the training set are not kept for the next '
              f'run, {path} cannot be written: {error}')
    return statistics


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)


def _load(path: str) -> DatasetStatistics:
    with np.load(path) as arrays:
        return DatasetStatistics(
            **{f.name: arrays[f.name]
               for f in fields(DatasetStatistics)})


def _save(statistics: DatasetStatistics, path: str) -> None:
    with replacing(path) as draft, draft.open('wb') as file:
        np.savez_compressed(
            file, **{
                f.name: getattr(statistics, f.name)
                for f in fields(DatasetStatistics)
            })
