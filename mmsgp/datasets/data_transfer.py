"""Transfer of annotations to rarer predicates and to unannotated pairs (IETrans).

Source: Zhang et al., *Fine-Grained Scene Graph Generation with Data Transfer*, ECCV
2022. A model trained on the annotations predicts the predicates of all ordered pairs
of annotated boxes.

Shape shorthand: M annotated relations, U unannotated pairs, C object classes, R
predicates.
"""

from __future__ import annotations

import numpy as np


def count_triplets(triplets: np.ndarray, num_classes: int, num_predicates: int) -> np.ndarray:
    """Count relations by subject class, object class and predicate.

    Args:
        triplets: (M, 3): subject class, object class, predicate ``1 .. R``.
        num_classes: C.
        num_predicates: R.

    Returns:
        np.ndarray: (C, C, R) int64.
    """
    shape = (num_classes, num_classes, num_predicates)
    index = np.ravel_multi_index((triplets[:, 0], triplets[:, 1], triplets[:, 2] - 1), shape)
    return np.bincount(index, minlength=np.prod(shape)).reshape(shape)


def internal_transfer(
    triplets: np.ndarray, probabilities: np.ndarray, counts: np.ndarray, ratio: float = 0.7
) -> np.ndarray:
    """Give relations a predicate that says more of their pair.

    The attraction of a triplet of classes and predicate is the share of the
    predicate's relations that it has. For each triplet (s, p, o), the predicates q that the
    model confuses it with are those that it finds more probable than p, in the sum over
    relations annotated (s, p, o), and whose attraction is smaller. Of all relations
    annotated (s, q, o), ``ratio``, the most probable for p, become p; where several
    triplets claim a relation, that of the largest attraction gets it.

    Args:
        triplets: (M, 3): subject class, object class, predicate ``1 .. R``.
        probabilities: (M, R), of the predicates, without unknown.
        counts: (C, C, R), of :func:`count_triplets`.
        ratio: k_I. Defaults to 0.7.

    Returns:
        np.ndarray: (M,) int64, the new predicates.
    """
    attraction = counts / np.maximum(counts.sum(axis=(0, 1)), 1)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    result, claimed = triplets[:, 2].copy(), np.zeros(len(triplets))
    pairs, group = np.unique(triplets[:, :2], axis=0, return_inverse=True)
    rows_of = np.split(np.argsort(group, kind='stable'), np.cumsum(np.bincount(group))[:-1])
    for (subject, object_), rows in zip(pairs, rows_of):
        own, labels = attraction[subject, object_], triplets[rows, 2]
        for predicate in np.unique(labels):
            total = probabilities[rows[labels == predicate]].sum(axis=0)
            strength = own[predicate - 1]
            confused = 1 + np.flatnonzero((total > total[predicate - 1]) & (own < strength))
            sources = rows[np.isin(labels, confused)]
            order = np.argsort(-probabilities[sources, predicate - 1], kind='stable')
            chosen = sources[order[: int(ratio * len(sources))]]
            chosen = chosen[claimed[chosen] < strength]
            result[chosen], claimed[chosen] = predicate, strength
    return result


def external_transfer(
    classes: np.ndarray,
    probabilities: np.ndarray,
    counts: np.ndarray,
    ratio: float = 1.0,
    num_frequent: int = 15,
) -> np.ndarray:
    """Annotate pairs of overlapping boxes that have no relation.

    A pair may have the predicates that its classes have somewhere. Of all pairs, ``ratio``,
    those with the smallest probability of unknown among these, get the most
    probable predicate, unless it is one of the most frequent.

    Args:
        classes: (U, 2), of subject and object.
        probabilities: (U, R+1), unknown first.
        counts: (C, C, R), of :func:`count_triplets`.
        ratio: k_E. Defaults to 1.0.
        num_frequent: Frequent predicates that are not given. Defaults to 15.

    Returns:
        np.ndarray: (U,) int64, predicates ``1 .. R``, 0 where there is none.
    """
    possible = counts[classes[:, 0], classes[:, 1]] > 0  # (U, R)
    known = np.where(possible, probabilities[:, 1:], 0)
    total = known.sum(axis=1) + probabilities[:, 0]
    unknown = probabilities[:, 0] / np.where(total > 0, total, 1)
    rows = np.flatnonzero(possible.any(axis=1))
    rows = rows[np.argsort(unknown[rows], kind='stable')[: int(ratio * len(rows))]]
    frequent = 1 + np.argsort(-counts.sum(axis=(0, 1)), kind='stable')[:num_frequent]
    labels = 1 + np.where(possible[rows], known[rows], -1).argmax(axis=1)
    result = np.zeros(len(classes), np.int64)
    result[rows] = np.where(np.isin(labels, frequent), 0, labels)
    return result
