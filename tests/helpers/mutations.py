"""Files with faults: damaged bytes, and content that is not what it should be."""

from __future__ import annotations

import copy
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np

BOXES = ('boxes_1024', 'boxes_512')
ARRAYS = (
    'split',
    'labels',
    'predicates',
    'relationships',
    'img_to_first_box',
    'img_to_last_box',
    'img_to_first_rel',
    'img_to_last_rel',
    *BOXES,
)
_WHOLE = (0, -1, 1, 2, 3, 7, 255, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**63))
_REAL = (np.nan, np.inf, -np.inf, 1e300, -1e30, 0.5, -1, 0, 1024, 1025.5, 2.0**40)
_JSON = (
    None,
    True,
    False,
    [],
    {},
    '',
    'x',
    '12',
    '\ud800',
    'a\nb',
    0,
    -1,
    1,
    1.5,
    10**19,
    10**30,
    -(2**63),
    1e300,
    [[]],
    [1, 2],
    {'a': 1},
    'ä' * 300,
)
# Width and height that an image may claim.
SIZES = (
    (30000, 30000),
    (65535, 65535),
    (1, 60000),
    (60000, 1),
    (8001, 8001),
    (3000, 3000),
    (16, 2**31 - 1),
    (0, 5),
    (60, 47),
    (2**31 - 1, 2**31 - 1),
)


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Bytes as a bad disk, a cut download or a bad editor leaves them."""
    data = bytearray(content)
    # Half of the faults are near the start, where formats keep what they are.
    span = len(data) if rng.random() < 0.5 else min(len(data), 256)
    at = int(rng.integers(max(span, 1)))
    length = int(rng.integers(1, 40))
    kind = rng.integers(8)
    if kind == 0:
        for place in rng.integers(span, size=rng.integers(1, 9)):
            data[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        data[at : at + length] = rng.bytes(length)
    elif kind == 2:
        data[at : at + length] = bytes(length)
    elif kind == 3:
        data[at : at + length] = b'\xff' * length
    elif kind == 4:
        del data[at:]
    elif kind == 5:
        del data[at : at + length]
    elif kind == 6:
        data[at:at] = data[at : at + 4 * length]
    else:
        value = int(rng.choice([0, 1, 2**15, 2**31 - 1, 2**32 - 1]))
        data[at : at + 4] = value.to_bytes(4, rng.choice(['little', 'big']))
    return bytes(data)


def mutate_h5(path: Path, rng: np.random.Generator) -> None:
    """Give an annotation file one fault."""
    if rng.random() < 0.4:
        path.write_bytes(damage(path.read_bytes(), rng))
        return
    key = str(rng.choice(ARRAYS))
    with h5py.File(path, 'r+') as file:
        array = file[key][:]
        if rng.random() < 0.5:
            array = _change_numbers(array, rng)
            del file[key]
            file[key] = array
        else:
            _change_kind(file, key, array, rng)


def _change_numbers(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if array.dtype.kind == 'f' or rng.random() < 0.1:
        array, special = array.astype(np.float64), _REAL
    else:
        array, special = array.astype(np.int64), _WHOLE
    kind = rng.integers(6)
    flat = array.reshape(-1)
    if kind == 0:
        flat[rng.integers(flat.size)] = special[rng.integers(len(special))]
    elif kind == 1:
        array += array.dtype.type(rng.choice([-1, 1, 2]))
    elif kind == 2:
        array = array[rng.permutation(len(array))]
    elif kind == 3:
        array[:] = special[rng.integers(len(special))]
    elif kind == 4:
        flat[rng.integers(flat.size)] += rng.choice([-1, 1])
    else:
        array = np.concatenate([array, array[:1]]) if rng.random() < 0.5 else array[:-1]
    return array


def _change_kind(file: h5py.File, key: str, array: np.ndarray, rng: np.random.Generator) -> None:
    """Put something else in place of an array."""
    del file[key]
    compound = np.zeros(len(array), dtype=[('a', int), ('b', float)])
    values = [
        'text',
        h5py.Empty('f8'),
        np.float64(3),
        5,
        compound,
        array.astype(complex),
        array.astype(bool),
        array.astype('S8'),
        array.astype(np.float16),
        array.astype(np.uint64),
        array.astype('>i8'),
        array.astype(np.int8),
        array.astype(np.float64) + 0.25,
        array[None],
        array.T,
        array[:0],
        np.zeros((0, 0)),
        array.astype(np.float64),
        h5py.SoftLink('/labels'),
        h5py.SoftLink(f'/{key}'),
        h5py.ExternalLink('other.h5', 'x'),
        h5py.ExternalLink(file.filename, 'labels'),
        np.dtype('i4'),
    ]
    kind = int(rng.integers(len(values) + 6))
    if kind < len(values):
        file[key] = values[kind]
    elif kind == len(values):
        file.create_group(key)
    elif kind == len(values) + 1:
        shape = (2**40, *array.shape[1:])
        file.create_dataset(
            key,
            shape=shape,
            dtype=array.dtype,
            chunks=(64, *array.shape[1:]) if rng.random() < 0.5 else None,
        )
    elif kind == len(values) + 2:
        file.create_dataset(
            key,
            shape=array.shape,
            dtype=array.dtype,
            external=[('/etc/passwd', 0, h5py.h5f.UNLIMITED)],
        )
    elif kind == len(values) + 3:
        layout = h5py.VirtualLayout(array.shape, array.dtype)
        layout[:] = h5py.VirtualSource('/etc/passwd', 'x', shape=array.shape)
        file.create_virtual_dataset(key, layout)
    elif kind == len(values) + 4:
        file.create_dataset(
            key, data=array, chunks=True, compression='gzip', maxshape=(None,) * array.ndim
        )
        file[key].resize(2**33, axis=0)
    # Else it is missing.


def mutate_json(text: str, rng: np.random.Generator) -> bytes:
    """JSON with one fault, in its bytes or in what it says."""
    kind = rng.integers(10)
    if kind < 2:
        return damage(text.encode(), rng)
    if kind == 2:
        return _other_text(text, rng)
    content = json.loads(text)
    if rng.random() < 0.05:
        content = _JSON[rng.integers(len(_JSON))]
    else:
        _change_value(content, rng)
    return json.dumps(content).encode()


def _other_text(text: str, rng: np.random.Generator) -> bytes:
    """The same or another text in an unusual form."""
    kind = rng.integers(8)
    if kind == 0:
        return text.encode(str(rng.choice(['utf-16', 'utf-32', 'utf-8-sig'])))
    if kind == 1:
        return b'[' * int(rng.choice([400, 100_000]))
    if kind == 2:
        return b'{"a":' * 100_000
    if kind == 3:
        digits = text.translate(str.maketrans('12', '99'))
        length = int(rng.choice([1, 30, 400, 5000]))
        return digits.replace('9', '9' * length, 1).encode()
    if kind == 4:
        return text.replace(':', ': NaN, "x":', 1).encode()
    if kind == 5:
        # The first key of the first object is given twice.
        start = text.index('{"') + 1
        key = text[start : text.index('"', start + 1) + 1]
        return (text[:start] + key + ': 3, ' + text[start:]).encode()
    if kind == 6:
        return text.encode().replace(b'1', b'\xff', 1)
    return (text + text).encode()


def _change_value(content: Any, rng: np.random.Generator) -> None:
    """Change one value somewhere within lists and objects."""
    while True:
        keys = list(content) if isinstance(content, dict) else range(len(content))
        key = keys[int(rng.integers(len(keys)))]
        inner = content[key]
        if not (isinstance(inner, (dict, list)) and inner and rng.random() < 0.85):
            break
        content = inner
    kind = rng.integers(4)
    if kind == 0:
        del content[key]
    elif kind == 1 and isinstance(content, dict):
        content[f'{key}x'] = content.pop(key)
    elif kind == 1:
        content.append(copy.deepcopy(inner))
    elif kind == 2 and type(inner) is int:
        content[key] = inner + int(rng.choice([-1, 1, 1000, 2**31, 2**63]))
    else:
        content[key] = _JSON[rng.integers(len(_JSON))]


def mutate_image(content: bytes, size: tuple[int, int], rng: np.random.Generator) -> bytes:
    """An image file of a known size with damaged bytes, or that claims another."""
    if rng.random() < 0.7:
        return damage(content, rng)
    return claim_size(content, size, SIZES[rng.integers(len(SIZES))])


def claim_size(content: bytes, size: tuple[int, int], claimed: tuple[int, int]) -> bytes:
    """An image file whose header claims another size than it has."""
    data = content.replace(b'%d %d' % size, b'%d %d' % claimed, 1)  # PPM
    for form in ('<HH', '>HH', '<II', '>II'):
        most = 2**16 - 1 if 'H' in form else 2**31 - 1
        values = [min(value, most) for value in claimed]
        for step in (1, -1):  # width and height, or height and width
            data = data.replace(
                struct.pack(form, *size[::step]), struct.pack(form, *values[::step]), 1
            )
    if data.startswith(b'\x89PNG'):
        data = data[:29] + struct.pack('>I', zlib.crc32(data[12:29])) + data[33:]
    return data


def special_paths(folder: Path) -> list[Path]:
    """Paths that are no files to read: folders, pipes, devices, links."""
    os.mkfifo(folder / 'pipe')
    (folder / 'folder').mkdir()
    (folder / 'loop').symlink_to(folder / 'loop')
    return [folder / name for name in ('none', 'pipe', 'folder', 'loop')] + [
        Path(path)
        for path in ('/dev/zero', '/proc/self/mem', '/proc/kcore')
        if os.path.exists(path)
    ]
