"""Arrays of an HDF5 file, checked before they are read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np

from mmsgp.utils.json_files import in_brief

from .vg_sgg.files import require_file

# Errors of h5py for damaged content, depending on where the damage is.
_DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    MemoryError,
)
# Filters of HDF5 compress at most about a thousandfold.
_MOST_PACKED = 1100
_ALWAYS_FITS = 2**26


class H5File:
    """An HDF5 file of plain numeric arrays; used as a context.

    An array is read only if its type, its shape and its size in the file fit. No
    other file is opened for it.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not an HDF5 file.
    """

    def __init__(self, path: str) -> None:
        require_file(path)
        self.path = path
        with self._damage_named('is not an HDF5 file, or only a part of one'):
            self._file = h5py.File(path, 'r')

    def __enter__(self) -> H5File:
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def __contains__(self, key: str) -> bool:
        with self._damage_named('is damaged'):
            return self._file.get(key, getlink=True) is not None

    def read_whole(
        self, key: str, width: int = 1, rows_of: tuple[str, int] | None = None
    ) -> np.ndarray:
        """Read whole numbers.

        Args:
            key: Name of the array.
            width: Number of columns. A flat array counts as one column.
            rows_of: Name and number of rows of another array that must have as
                many. Defaults to None: any number.

        Returns:
            (rows, width) int64.

        Raises:
            ValueError: If it is missing, is not a plain array of this shape, or
                holds something else.
        """
        array = self._read(key, width, rows_of)
        if array.dtype.kind == 'f':
            self._check_rows(
                key, array, (np.abs(array) < 2.0**53) & (array == np.rint(array)), 'whole'
            )
        elif array.dtype.kind == 'u':
            self._check_rows(key, array, array < 2**63, 'whole')
        return array.astype(np.int64, copy=False)

    def read_real(self, key: str, width: int, rows_of: tuple[str, int] | None = None) -> np.ndarray:
        """Read finite numbers in the file's type, see :meth:`read_whole`."""
        array = self._read(key, width, rows_of)
        self._check_rows(key, array, np.isfinite(array), 'finite')
        return array

    def _check_rows(self, key: str, array: np.ndarray, is_good: np.ndarray, kind: str) -> None:
        if not is_good.all():
            row = is_good.all(axis=1).argmin()
            raise ValueError(
                f'{self.path}: row {row} of {key} is {array[row].tolist()}, expected {kind} numbers'
            )

    def _read(self, key: str, width: int, rows_of: tuple[str, int] | None) -> np.ndarray:
        dataset = self._dataset(key)
        with self._damage_named(f'is damaged in {key}'):
            shape, dtype = dataset.shape, dataset.dtype
            stored = dataset.id.get_storage_size()
        where = f'{self.path}: {key}'
        if dtype.kind not in 'iuf':
            raise ValueError(f'{where} holds {dtype}, expected numbers')
        if shape is None or len(shape) not in (1, 2) or (*shape, 1)[1] != width:
            raise ValueError(f'{where} must have the shape (rows, {width}), not {shape}')
        if rows_of is not None and shape[0] != rows_of[1]:
            raise ValueError(f'{where} has {shape[0]} rows, but {rows_of[0]} has {rows_of[1]}')
        size = math.prod(shape) * dtype.itemsize
        if size > max(_MOST_PACKED * stored, _ALWAYS_FITS):
            raise ValueError(
                f'{where} is of shape {shape} and would take {size:.1e} bytes, but '
                f'the file holds {stored} bytes of it: it is damaged'
            )
        with self._damage_named(f'is damaged in {key}'):
            return dataset[:].reshape(shape[0], width)

    def _dataset(self, key: str) -> h5py.Dataset:
        """Return the array of a key. It must lie in this file."""
        if key not in self:
            with self._damage_named('is damaged'):
                keys = sorted(self._file)
            raise ValueError(f'{self.path} has no key {key!r}; it has {in_brief(keys)}')
        with self._damage_named(f'is damaged in {key}'):
            is_hard = isinstance(self._file.get(key, getlink=True), h5py.HardLink)
            item = self._file[key] if is_hard else None
            is_array = isinstance(item, h5py.Dataset)
            is_inside = is_array and not (item.is_virtual or item.external)
        if not is_hard or is_array and not is_inside:
            raise ValueError(
                f'{self.path}: {key} is a link or a view, maybe of another file; '
                'write the array itself'
            )
        if not is_array:
            raise ValueError(
                f'{self.path}: {key} is a {type(item).__name__.lower()}, expected an array'
            )
        return item

    @contextmanager
    def _damage_named(self, problem: str) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            reason = ' '.join(str(error).split()) or type(error).__name__
            raise ValueError(f'{self.path} {problem}: {reason}') from error
