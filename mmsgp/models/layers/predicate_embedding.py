"""Embeddings of predicates from word vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .class_embedding import ClassEmbedding, read_word_vectors


class PredicateEmbedding(ClassEmbedding):
    """Embedding of predicates, unknown first: (R+1, E).

    Rows start random, N(0, 1). With ``word_vectors``, :meth:`load_predicates` replaces the
    row of a predicate by the mean vector of its words; unknown stays random.
    """

    def load_words(self, names: Sequence[str]) -> None:
        """Names of object classes are of no use here."""

    @torch.no_grad()
    def load_predicates(self, names: Sequence[str]) -> None:
        """Set the rows of the R predicates from the word vectors, if given.

        Raises:
            ValueError: If no word of a predicate has a vector.
        """
        if self.word_vectors is None:
            return
        words = [name.split() for name in names]
        vectors = read_word_vectors(
            self.word_vectors, {w for group in words for w in group}, self.embedding_dim
        )
        for row, group in enumerate(words, 1):
            known = [torch.from_numpy(vectors[word]) for word in group if word in vectors]
            if not known:
                raise ValueError(
                    f'{self.word_vectors} has no vector for the predicate '
                    f'{" ".join(group)!r}: leave word_vectors out, or give another file'
                )
            self.weight[row] = torch.stack(known).mean(dim=0)
