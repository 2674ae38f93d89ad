"""Recall of scene graphs, as pure functions of ranks.

An image is reduced to one number per annotated relation: the rank of the first
prediction that hits it (:func:`~.matching.match_triplets`). Every recall, for
every K, follows from these numbers.

Shape shorthand: I images, T annotated relations of all images, K thresholds,
R predicates, G groups of relations.

A mean over images is an exactly rounded sum (``math.fsum``) over a count, so that
the order of the images changes no digit. Functions take another ``mean``, e.g.
:class:`~.bootstrap.ResampledMean`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral

import numpy as np

from .matching import NO_HIT

Mean = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Mean over the columns of values (K, G), given the image (G,) of each: (K,),
or (B, K) where images are weighted in B ways."""


def exact_mean(values: np.ndarray, images: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of each row, from an exactly rounded sum.

    Args:
        values: (K, G).
        images: (G,), not used: all weigh the same.

    Returns:
        ndarray: (K,), float64; NaN for G = 0.
    """
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    return np.array([math.fsum(row) for row in values.tolist()]) / len(values[0])


def recall_at_k(
    ranks: np.ndarray, images: np.ndarray, topk: Sequence[int | str], mean: Mean = exact_mean
) -> np.ndarray:
    r"""R@K: the mean over images of the share of relations found.

    .. math::
        R@K = \frac{1}{I} \sum_i \frac{|\{m : rank_{im} < K\}|}{M_i}

    over the I images that have any of the relations (:math:`M_i > 0`).

    Args:
        ranks: (T,), 0-based ranks.
        images: (T,) int64, the image of each relation.
        topk: The thresholds; ``'all'`` counts every hit.
        mean: Defaults to :func:`exact_mean`.

    Returns:
        ndarray: (K,), float64 in [0, 1]; NaN without any relation.

    Example:
        >>> ranks, images = np.array([0, 30, NO_HIT]), np.array([0, 0, 1])
        >>> recall_at_k(ranks, images, (20, 'all'))
        array([0.25, 0.5 ])
    """
    groups, shares = _share_found(ranks, topk, images)
    return mean(shares, groups)


def predicate_recall_at_k(
    ranks: np.ndarray,
    images: np.ndarray,
    predicates: np.ndarray,
    topk: Sequence[int | str],
    num_predicates: int,
    mean: Mean = exact_mean,
    pooled: bool = False,
) -> np.ndarray:
    r"""Recall of each predicate: its mean over the images that contain it.

    .. math::
        R_p@K = \frac{1}{|I_p|} \sum_{i \in I_p}
            \frac{|\{m : y_{im} = p, rank_{im} < K\}|}{|\{m : y_{im} = p\}|}

    Args:
        ranks: (T,), 0-based ranks.
        images: (T,) int64, the image of each relation.
        predicates: (T,) int64, predicates 1..R.
        topk: The thresholds; ``'all'`` counts every hit.
        num_predicates: R.
        mean: Defaults to :func:`exact_mean`.
        pooled: Whether to take the relations of all images together instead,
            the share that is found. Defaults to False.

    Returns:
        ndarray: (K, R), float64 in [0, 1]. Column ``p - 1`` belongs to
        predicate ``p``; it is NaN when no image contains ``p``.

    Raises:
        ValueError: If a predicate lies outside 1..R.
    """
    check_predicates(predicates, num_predicates)
    if pooled:
        limits = [NO_HIT if k == 'all' else min(k, NO_HIT) for k in topk]
        return np.concatenate(
            [
                predicate_accuracy(ranks < limit, images, predicates, num_predicates, mean)
                for limit in limits
            ],
            axis=-2,
        )
    # One group per predicate and image, in the order of the predicates.
    num_images = images.max(initial=0) + 1
    groups, shares = _share_found(ranks, topk, predicates.astype(np.int64) * num_images + images)
    return _by_predicate(shares, groups // num_images, groups % num_images, num_predicates, mean)


def predicate_accuracy(
    correct: np.ndarray,
    images: np.ndarray,
    predicates: np.ndarray,
    num_predicates: int,
    mean: Mean = exact_mean,
) -> np.ndarray:
    """Return the share of the relations of each predicate that are correct.

    Args:
        correct: (T,) bool.
        images: (T,) int64, the image of each relation.
        predicates: (T,) int64, predicates 1..R.
        num_predicates: R.
        mean: Defaults to :func:`exact_mean`.

    Returns:
        ndarray: (1, R), float64 in [0, 1], columns as of
        :func:`predicate_recall_at_k`.
    """
    order = np.argsort(predicates, kind='stable')
    return _by_predicate(
        correct[None, order].astype(np.float64),
        predicates[order],
        images[order],
        num_predicates,
        mean,
    )


def mean_over_predicates(recall: np.ndarray, absent_as_zero: bool = False) -> np.ndarray:
    """Average over the predicates that occur.

    Args:
        recall: (..., K, R), NaN for absent predicates.
        absent_as_zero: Average over all, those that are absent as 0. Defaults
            to False.

    Returns:
        ndarray: (..., K); NaN when every predicate is absent.
    """
    present = ~np.isnan(recall)
    count = present.sum(axis=-1)
    if absent_as_zero:
        count = np.full_like(count, recall.shape[-1])
    return np.where(present, recall, 0).sum(axis=-1) / np.where(count, count, np.nan)


def check_topk(topk: Sequence[int | str]) -> tuple[int | str, ...]:
    """Validate the thresholds K.

    Raises:
        ValueError: If they are empty, or one is neither a positive integer nor
            ``'all'``.
    """
    topk = tuple(topk)
    wrong = [
        k
        for k in topk
        if k != 'all' and (isinstance(k, bool) or not isinstance(k, Integral) or k < 1)
    ]
    if wrong or not topk:
        raise ValueError(
            f"topk takes positive integers and 'all', but got {wrong[0] if wrong else topk!r}."
        )
    return tuple(k if k == 'all' else int(k) for k in topk)


def harmonic_mean(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return 2ab / (a + b), and 0 where both are 0."""
    total = first + second
    return 2 * first * second / np.where(total == 0, 1, total)


def check_predicates(predicates: np.ndarray, num_predicates: int) -> None:
    """Check that predicates lie within 1..R.

    Raises:
        ValueError: If one does not; it names the first.
    """
    outside = predicates[(predicates < 1) | (predicates > num_predicates)]
    if len(outside):
        raise ValueError(
            f'Annotated predicate {outside[0]} lies outside '
            f'1..{num_predicates}. Do the annotations and the list of '
            'predicate names belong to the same data set?'
        )


def _share_found(
    ranks: np.ndarray, topk: Sequence[int | str], group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each group's relations that the first K predictions hit.

    Returns:
        tuple[ndarray, ndarray]: The G group numbers that occur, ascending, and
        the shares (K, G).
    """
    limits = [NO_HIT if k == 'all' else min(k, NO_HIT) for k in topk]
    groups, index, size = np.unique(group, return_inverse=True, return_counts=True)
    hits = [np.bincount(index[ranks < limit], minlength=len(groups)) for limit in limits]
    return groups, np.stack(hits) / size


def _by_predicate(
    values: np.ndarray, predicates: np.ndarray, images: np.ndarray, num_predicates: int, mean: Mean
) -> np.ndarray:
    """Return the mean of each predicate's columns of (K, G), sorted by predicate."""
    starts = np.searchsorted(predicates, np.arange(2, num_predicates + 1))
    return np.stack(
        [
            mean(block, images_of_block)
            for block, images_of_block in zip(
                np.split(values, starts, axis=1), np.split(images, starts), strict=True
            )
        ],
        axis=-1,
    )
