"""Hashes that tell contents apart."""
from __future__ import annotations

import hashlib
import os


def hash_of_file(path: str | os.PathLike) -> str:
    """A hash of a file's content, 32 hex digits."""
    # The prefix is part of the hashes that files of earlier runs hold.
    digest = hashlib.blake2b(b'[1, {}]', digest_size=16)
    with open(path, 'rb') as file:
        digest.update(os.fstat(file.fileno()).st_size.to_bytes(8, 'big'))
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
