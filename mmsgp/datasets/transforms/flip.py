"""Flip an image and swap *left* and *right* in its predicates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from mmdet.datasets.transforms import RandomFlip

from mmsgp.registry import TRANSFORMS

_MIRRORED_WORDS = {'left': 'right', 'right': 'left'}


@TRANSFORMS.register_module()
class SceneGraphRandomFlip(RandomFlip):
    """Flip image and boxes horizontally and swap predicates of direction.

    Required Keys, besides those of :class:`mmdet.datasets.RandomFlip`:

    - gt_relation_labels (optional)
    - predicates (optional): names; predicate ``p`` is ``predicates[p - 1]``.

    Modified Keys, besides those of the parent:

    - gt_relation_labels

    Args:
        prob: Probability of a flip. Defaults to 0.5.
        swap_predicates: Pairs of names that a flip turns into each other, e.g.
            ``[('on the left of', 'on the right of')]``. Defaults to None: names
            that differ in the words *left* and *right* only.
    """

    def __init__(
        self, prob: float = 0.5, swap_predicates: Sequence[Sequence[str]] | None = None
    ) -> None:
        super().__init__(prob=prob, direction='horizontal')
        if swap_predicates is not None:
            swap_predicates = tuple(map(tuple, swap_predicates))
        self.swap_predicates = swap_predicates

    def _flip(self, results: dict) -> None:
        super()._flip(results)
        if 'gt_relation_labels' in results and 'predicates' in results:
            mirrored = mirrored_predicates(tuple(results['predicates']), self.swap_predicates)
            results['gt_relation_labels'] = mirrored[results['gt_relation_labels']]


@lru_cache(maxsize=8)
def mirrored_predicates(
    predicates: tuple[str, ...], swaps: tuple[tuple[str, str], ...] | None = None
) -> np.ndarray:
    """Return what each predicate becomes in a mirror.

    Args:
        predicates: R names.
        swaps: Pairs of names; None to find names that differ in the words
            *left* and *right* only.

    Returns:
        (R+1,) int64, indexed by predicate; unknown stays unknown.

    Raises:
        ValueError: If a pair names a predicate that does not exist.

    Example:
        >>> mirrored_predicates(('left of', 'on', 'right of'))
        array([0, 3, 2, 1])
    """
    label = {name: p for p, name in enumerate(predicates, 1)}
    if swaps is None:
        swaps = [
            (name, _mirrored_name(name)) for name in predicates if _mirrored_name(name) in label
        ]
    mirrored = np.arange(len(predicates) + 1)
    for one, other in swaps:
        missing = {one, other} - set(label)
        if missing:
            raise ValueError(
                f'swap_predicates names {sorted(missing)}, which are not '
                f'predicates of the data set: {sorted(label)}'
            )
        mirrored[label[one]] = label[other]
        mirrored[label[other]] = label[one]
    mirrored.setflags(write=False)  # the cache hands out one array
    return mirrored


def _mirrored_name(name: str) -> str:
    return ' '.join(_MIRRORED_WORDS.get(word, word) for word in name.split(' '))
