"""Annotation files whose members are something else than arrays of numbers."""

import h5py
import numpy as np
import pytest

from mmsgp.datasets.h5_file import H5File


@pytest.fixture
def path(data):
    """The annotations without ``labels``."""
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        del file['labels']
    return str(data.root / 'VG-SGG.h5')


def refusal(data):
    with pytest.raises(ValueError, match=r'VG-SGG\.h5') as caught:
        data.dataset()
    assert 'labels' in str(caught.value) and '\n' not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    'value, message',
    [
        ('text', 'expected numbers'),
        (np.array([b'1', b'2']), 'expected numbers'),
        (np.zeros(3, dtype=[('a', int), ('b', float)]), 'expected numbers'),
        (np.ones((3, 1), dtype=complex), 'expected numbers'),
        (np.ones((3, 1), dtype=bool), 'expected numbers'),
        (np.int64(3), 'shape (rows, 1), not ()'),
        (h5py.Empty('i8'), 'shape (rows, 1), not None'),
        (np.ones((2, 3, 1), dtype=int), 'not (2, 3, 1)'),
        (np.array([[1], [2.5]]), 'row 1 of labels is [2.5], expected whole'),
        (np.array([[1], [np.nan]]), 'row 1 of labels is [nan], expected whole'),
        (np.array([[1], [2**63]], dtype=np.uint64), 'row 1 of labels'),
        (h5py.SoftLink('/predicates'), 'a link'),
        (h5py.SoftLink('/labels'), 'a link'),
        (h5py.ExternalLink('other.h5', '/x'), 'a link'),
        (np.dtype('i4'), 'is a datatype, expected an array'),
    ],
)
def test_a_member_that_is_no_array_of_numbers_is_named(data, path, value, message):
    with h5py.File(path, 'r+') as file:
        file['labels'] = value
    assert message in refusal(data)


def test_a_group_is_no_array(data, path):
    with h5py.File(path, 'r+') as file:
        file.create_group('labels')
    assert 'is a group, expected an array' in refusal(data)


def test_no_other_file_is_read(data, path):
    other = data.root / 'other'
    other.write_bytes(bytes(range(1, 6)) * 8)
    with h5py.File(path, 'r+') as file:
        file.create_dataset('labels', shape=(5, 1), dtype='i8', external=[(str(other), 0, 40)])
    assert 'of another file' in refusal(data)
    layout = h5py.VirtualLayout((5, 1), 'i8')
    layout[:] = h5py.VirtualSource(str(other), 'x', shape=(5, 1))
    with h5py.File(path, 'r+') as file:
        del file['labels']
        file.create_virtual_dataset('labels', layout)
    assert 'of another file' in refusal(data)


@pytest.mark.parametrize('chunks', [None, (1024, 1)])
def test_rows_that_are_declared_but_not_there_are_not_read(data, path, chunks):
    with h5py.File(path, 'r+') as file:
        file.create_dataset('labels', shape=(2**40, 1), dtype='i8', chunks=chunks)
    assert 'it is damaged' in refusal(data)


@pytest.mark.parametrize('kind', ['i1', 'u2', '>i4', 'u8', 'f4', 'f8'])
def test_whole_numbers_of_any_type_are_taken(path, kind):
    with h5py.File(path, 'r+') as file:
        file['labels'] = np.arange(6, dtype=kind)
    with H5File(path) as file:
        array = file.read_whole('labels')
    assert array.dtype == np.int64
    np.testing.assert_array_equal(array[:, 0], np.arange(6))


def test_a_damaged_number_is_noticed_in_what_was_written_here(data):
    path = data.root / 'VG-SGG.h5'
    with h5py.File(path) as file:
        numbers = file['boxes_1024'][:].tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(numbers) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'VG-SGG\.h5 is damaged in boxes_1024'):
        data.dataset()
