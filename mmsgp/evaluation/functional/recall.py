"""Recall of scene graphs, as pure functions of ranks.

An image is reduced to one number per annotated relation: the rank of the first
prediction that hits it (:func:`~.matching.match_triplets`). Every recall, for
every K, follows from these numbers.

Shape shorthand: I images, M_i annotated relations of image i, T relations of
all images, K thresholds, R predicates.

A mean is an exactly rounded sum (``math.fsum``) divided by a count, so that
the order of the images changes no digit.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .matching import NO_HIT


def recall_at_k(ranks: Sequence[np.ndarray],
                topk: Sequence[int | str]) -> np.ndarray:
    r"""R@K: the mean over images of the share of relations found.

    .. math::
        R@K = \frac{1}{I} \sum_i \frac{|\{m : rank_{im} < K\}|}{M_i}

    Images without a relation (:math:`M_i = 0`) are left out.

    Args:
        ranks (Sequence[ndarray]): I arrays (M_i,) of 0-based ranks.
        topk (Sequence[int | str]): The thresholds; ``'all'`` counts every hit.

    Returns:
        ndarray: (K,), float64 in [0, 1]; NaN without any relation.

    Example:
        >>> recall_at_k([np.array([0, 30]), np.array([NO_HIT])], (20, 'all'))
        array([0.25, 0.5 ])
    """
    _, shares = _share_found(ranks, topk, group=_image_index(ranks))
    return np.array([_mean(row) for row in shares])


def predicate_recall_at_k(ranks: Sequence[np.ndarray],
                          predicates: Sequence[np.ndarray],
                          topk: Sequence[int | str],
                          num_predicates: int) -> np.ndarray:
    r"""Recall of each predicate: its mean over the images that contain it.

    .. math::
        R_p@K = \frac{1}{|I_p|} \sum_{i \in I_p}
            \frac{|\{m : y_{im} = p, rank_{im} < K\}|}{|\{m : y_{im} = p\}|}

    Args:
        ranks (Sequence[ndarray]): I arrays (M_i,) of 0-based ranks.
        predicates (Sequence[ndarray]): I arrays (M_i,), predicates 1..R.
        topk (Sequence[int | str]): The thresholds; ``'all'`` counts every hit.
        num_predicates (int): R.

    Returns:
        ndarray: (K, R), float64 in [0, 1]. Column ``p - 1`` belongs to
        predicate ``p``; it is NaN when no image contains ``p``.

    Raises:
        ValueError: If a predicate lies outside 1..R.
    """
    labels = flatten(predicates)  # (T,)
    outside = labels[(labels < 1) | (labels > num_predicates)]
    if len(outside):
        raise ValueError(
            f'Annotated predicate {outside[0]} lies outside '
            f'1..{num_predicates}. Do the annotations and the list of '
            'predicate names belong to the same data set?')
    # One group per predicate and image, in the order of the predicates.
    num_images = len(ranks)
    groups, shares = _share_found(
        ranks, topk, group=labels * num_images + _image_index(ranks))
    starts = np.searchsorted(
        groups, np.arange(2, num_predicates + 1) * num_images)
    return np.array([[_mean(row) for row in block]
                     for block in np.split(shares, starts, axis=1)]).T


def mean_recall_at_k(ranks: Sequence[np.ndarray],
                     predicates: Sequence[np.ndarray],
                     topk: Sequence[int | str],
                     num_predicates: int) -> np.ndarray:
    """mR@K: the mean over predicates of :func:`predicate_recall_at_k`.

    Predicates that no image contains are left out.

    Args:
        ranks (Sequence[ndarray]): I arrays (M_i,) of 0-based ranks.
        predicates (Sequence[ndarray]): I arrays (M_i,), predicates 1..R.
        topk (Sequence[int | str]): The thresholds; ``'all'`` counts every hit.
        num_predicates (int): R.

    Returns:
        ndarray: (K,), float64 in [0, 1]; NaN without any relation.
    """
    return mean_over_predicates(
        predicate_recall_at_k(ranks, predicates, topk, num_predicates))


def mean_over_predicates(predicate_recall: np.ndarray) -> np.ndarray:
    """Average over the predicates that occur.

    Args:
        predicate_recall (ndarray): (K, R), NaN for absent predicates.

    Returns:
        ndarray: (K,); NaN when every predicate is absent.
    """
    return np.array([_mean(row[~np.isnan(row)]) for row in predicate_recall])


def flatten(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """I integer arrays (M_i,) as one int64 array (T,)."""
    if len(arrays) == 0:
        return np.empty(0, dtype=np.int64)
    return np.concatenate(arrays, dtype=np.int64, casting='unsafe')


def _image_index(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """(T,), the image to which each relation belongs."""
    return np.repeat(np.arange(len(arrays)), [len(a) for a in arrays])


def _share_found(ranks: Sequence[np.ndarray], topk: Sequence[int | str],
                 group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the relations of each group that the first K predictions hit.

    Args:
        ranks (Sequence[ndarray]): I arrays (M_i,).
        topk (Sequence[int | str]): K thresholds.
        group (ndarray): (T,), the group of each relation.

    Returns:
        tuple[ndarray, ndarray]: The G group numbers that occur, ascending, and
        the shares (K, G).
    """
    limits = [NO_HIT if k == 'all' else k for k in topk]
    found = flatten(ranks) < np.array(limits)[:, None]  # (K, T)
    groups, index, size = np.unique(
        group, return_inverse=True, return_counts=True)
    hits = [np.bincount(index[row], minlength=len(groups)) for row in found]
    return groups, np.stack(hits) / size


def _mean(values: np.ndarray) -> float:
    return math.fsum(values.tolist()) / len(values) if len(values) else math.nan
