"""Hashes keep their values: files that earlier runs have kept are named after them."""

import hashlib

import numpy as np
import torch

from mmsgp.utils.hashing import hash_arrays, hash_files, hash_tensors


def test_files_are_hashed_with_their_sizes(tmp_path):
    paths = [tmp_path / 'a', tmp_path / 'b']
    contents = [bytes(3_000_000), b'xyz']
    for path, content in zip(paths, contents):
        path.write_bytes(content)
    expected = b'prefix' + b''.join(
        len(content).to_bytes(8, 'big') + content for content in contents
    )
    assert (
        hash_files(paths, prefix=b'prefix') == hashlib.blake2b(expected, digest_size=16).hexdigest()
    )


def test_tensors_are_hashed_as_they_read_not_as_they_lie_in_memory():
    values = torch.arange(6, dtype=torch.float32).view(2, 3)
    expected = hashlib.blake2b(
        b'((3, 2), torch.float32)' + np.array([0, 3, 1, 4, 2, 5], np.float32).tobytes(),
        digest_size=16,
    )
    assert hash_tensors(values.t()) == expected.hexdigest()
    assert hash_tensors(values.t()) != hash_tensors(values.view(3, 2))
    assert hash_tensors(values, values) != hash_tensors(values)


def test_arrays_of_other_shapes_have_other_hashes():
    expected = hashlib.sha256(b'p(2,)' + np.array([1.0, 2.0]).tobytes())
    assert hash_arrays([np.array([1.0, 2.0])], prefix=b'p') == expected.hexdigest()
    assert hash_arrays([np.array([[1.0, 2.0]])], prefix=b'p') != expected.hexdigest()
