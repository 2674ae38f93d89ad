"""Precision of scene graphs, and the threshold of the score to choose.

Annotations are not complete: a prediction without an annotation may be true. Precision
is therefore a lower bound. A prediction is right if it hits an annotated relation that
no better prediction of the image hits. Only images with relations count.

Shape shorthand: I images, T annotated relations and S predictions of all images, K
thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmsgp.evaluation.image_ranks import PredictionScores

from .matching import NO_HIT
from .recall import Mean, exact_mean, harmonic_mean


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Precision and recall of the predictions with at least some score.

    Attributes:
        thresholds: (K,), descending.
        precision: (K,), in [0, 1], as the next two.
        recall: (K,).
        f: (K,), harmonic mean of both.
        best: The place of the largest ``f``, of equals the highest threshold.
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f: np.ndarray
    best: int


def precision_at_k(
    ranks: np.ndarray,
    images: np.ndarray,
    counts: np.ndarray,
    topk: Sequence[int | str],
    mean: Mean = exact_mean,
) -> np.ndarray:
    r"""P@K: the mean over images of the share of the first K predictions that are right.

    An image with fewer predictions is divided by their number; without any it has 0.

    Args:
        ranks: (T,), rank of the first hit of each relation.
        images: (T,), the image of each relation.
        counts: (I,), predictions of each image.
        topk: The thresholds; ``'all'`` counts every prediction.
        mean: Defaults to :func:`exact_mean`.

    Returns:
        ndarray: (K,), float64 in [0, 1].
    """
    used = np.unique(images)
    hits = np.unique(np.stack([images, ranks])[:, ranks < NO_HIT], axis=1)
    rows = []
    for k in topk:
        limit = NO_HIT if k == 'all' else min(k, NO_HIT)
        right = np.bincount(hits[0, hits[1] < limit], minlength=len(counts))[used]
        rows.append(right / np.clip(counts[used], 1, limit))
    return mean(np.stack(rows), used)


def threshold_curve(
    ranks: np.ndarray, images: np.ndarray, predictions: PredictionScores
) -> ThresholdCurve | None:
    """Compute precision and recall over thresholds of the score.

    Predictions of all images are pooled. Of an image only its first predictions
    count, see :class:`PredictionScores`.

    Args:
        ranks: (T,), rank of the first hit of each relation.
        images: (T,), the image of each relation.
        predictions: The predictions.

    Returns:
        ThresholdCurve: With each distinct score as a threshold; None if no
        prediction hits, because then no threshold is better than another.
    """
    owner = predictions.images
    used = np.isin(owner, images)
    found = ranks < predictions.num_scored[images]
    if not found.any():
        return None
    starts = np.searchsorted(owner, np.arange(len(predictions.counts)))
    places = starts[images[found]] + ranks[found]  # of each found relation
    right, relations = np.zeros(len(owner)), np.zeros(len(owner))
    right[places] = 1
    np.add.at(relations, places, 1)
    order = np.argsort(-predictions.scores[used], kind='stable')
    scores = predictions.scores[used][order]
    last = np.append(scores[1:] != scores[:-1], True).nonzero()[0]  # of equal scores
    precision = right[used][order].cumsum()[last] / (last + 1)
    recall = relations[used][order].cumsum()[last] / len(ranks)
    f = harmonic_mean(precision, recall)
    return ThresholdCurve(scores[last], precision, recall, f, int(f.argmax()))
