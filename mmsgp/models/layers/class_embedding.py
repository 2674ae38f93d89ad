"""Embeddings of class names, random or from word vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
from mmengine.logging import print_log


def read_word_vectors(path: str | Path, words: set[str], dim: int) -> dict[str, np.ndarray]:
    """Read the vectors of some words from a text file in GloVe's format.

    Args:
        path: A file with one word and its values per line.
        words: The words to keep.
        dim: Number of values of a vector.

    Returns:
        dict: Word to float32 array (dim,), of the words found.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If a vector does not have ``dim`` values.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'word_vectors: {path} does not exist. Give the path of a GloVe '
            f'text file with {dim} values per word, or leave word_vectors out '
            'to start from random embeddings'
        )
    vectors = {}
    with path.open(encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            word, *values = line.rstrip().split(' ')
            if word not in words:
                continue
            if len(values) != dim:
                raise ValueError(
                    f'{path}, line {number}: the vector of '
                    f'{word!r} has {len(values)} values, '
                    f'but {dim} are needed'
                )
            vectors[word] = np.array(values, dtype=np.float32)
    return vectors


class ClassEmbedding(nn.Embedding):
    """Embedding of the classes, one row per class.

    Rows start random, N(0, 1). With ``word_vectors``, :meth:`load_words`
    replaces the row of each class whose name has a vector: the name itself
    or, for a name of several words, its longest word (as in the reference
    implementation of Neural Motifs).

    Args:
        num_classes: Number of rows.
        dim: Size of an embedding.
        word_vectors: A GloVe text file. Defaults to None.
    """

    def __init__(self, num_classes: int, dim: int, word_vectors: str | None = None) -> None:
        super().__init__(num_classes, dim)
        self.word_vectors = word_vectors

    @torch.no_grad()
    def load_words(self, names: Sequence[str]) -> None:
        """Set the rows of named classes from the word vectors, if given.

        Args:
            names: Names of the first ``len(names)`` rows.
        """
        if self.word_vectors is None:
            return
        candidates = [(name, max(name.split(), key=len)) for name in names]
        vectors = read_word_vectors(
            self.word_vectors, {w for pair in candidates for w in pair}, self.embedding_dim
        )
        missing = []
        for row, (name, longest) in enumerate(candidates):
            vector = vectors.get(name, vectors.get(longest))
            if vector is None:
                missing.append(name)
            else:
                self.weight[row] = torch.from_numpy(vector)
        if missing:
            print_log(
                f'{self.word_vectors} has no vector for {missing}: they keep random embeddings',
                logger='current',
            )
