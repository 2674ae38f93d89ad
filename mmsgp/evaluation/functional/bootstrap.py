"""Bootstrap: how far metrics depend on the choice of images.

Shape shorthand: I images, B resamples, K thresholds, G groups.
"""

from __future__ import annotations

import numpy as np

_ENTRIES_PER_CHUNK = 4_000_000


class ResampledMean:
    """Means over images that are drawn with replacement.

    Takes the place of :func:`~.recall.exact_mean`; the same resamples serve
    two runs, which makes the bootstrap a paired one. Source: Efron and
    Tibshirani, *An Introduction to the Bootstrap*, 1993.

    Args:
        images: The images to draw from.
        num_resamples: B. Defaults to 1000.
        seed: Same seed, same resamples. Defaults to 0.
    """

    def __init__(self, images: np.ndarray, num_resamples: int = 1000, seed: int = 0) -> None:
        images = np.unique(images)
        drawn = np.random.default_rng(seed).multinomial(
            len(images), np.full(len(images), 1 / len(images)), num_resamples
        )
        self._weights = np.zeros((num_resamples, images[-1] + 1), np.float32)
        self._weights[:, images] = drawn

    def __call__(self, values: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Compute the means of the rows.

        Args:
            values: (K, G).
            images: (G,), the image of each column.

        Returns:
            ndarray: (B, K); NaN where none of the images was drawn.
        """
        means = np.empty((len(self._weights), len(values)))
        rows = max(1, _ENTRIES_PER_CHUNK // max(1, len(images)))
        for start in range(0, len(means), rows):
            weights = self._weights[start : start + rows, images].astype(np.float64)
            total = weights.sum(axis=1, keepdims=True)
            means[start : start + rows] = (weights @ values.T) / np.where(total, total, np.nan)
        return means


def confidence_interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the percentiles that enclose a share of the samples.

    Args:
        samples: (B,), NaN where nothing was drawn that counts.
        level: The share. Defaults to 0.95.

    Returns:
        tuple[float, float]: NaN if more than ``1 - level`` of the samples are
        NaN, because too few images count.
    """
    known = samples[~np.isnan(samples)]
    if len(known) < max(1, level * len(samples)):
        return float('nan'), float('nan')
    tail = (1 - level) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
