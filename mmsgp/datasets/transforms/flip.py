"""Flip an image and swap *left* and *right* in its predicates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from mmdet.datasets.transforms import RandomFlip

from mmsgp.registry import TRANSFORMS

UNPAIRED = ('keep', 'no_flip')
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
            that differ in the words *left* and *right* only, see
            :func:`mirrored_predicates`.
        unpaired: What becomes of a predicate of one side without the one of the
            other: ``'keep'`` flips the image and leaves the predicate, which
            then is wrong; ``'no_flip'`` flips no image that has one. Defaults
            to None: as ``'keep'``, but a training says so when it starts.
    """

    def __init__(
        self,
        prob: float = 0.5,
        swap_predicates: Sequence[Sequence[str]] | None = None,
        unpaired: str | None = None,
    ) -> None:
        super().__init__(prob=prob, direction='horizontal')
        if unpaired not in (None, *UNPAIRED):
            raise ValueError(
                f'SceneGraphRandomFlip: unpaired is one of {UNPAIRED}, not {unpaired!r}'
            )
        if swap_predicates is not None:
            swap_predicates = tuple(map(tuple, swap_predicates))
        self.swap_predicates = swap_predicates
        self.unpaired = unpaired

    def _flip(self, results: dict) -> None:
        if 'gt_relation_labels' not in results or 'predicates' not in results:
            super()._flip(results)
            return
        names, labels = tuple(results['predicates']), results['gt_relation_labels']
        if self.unpaired == 'no_flip':
            unpaired = unpaired_predicates(names, self.swap_predicates)
            if np.isin(labels, [names.index(name) + 1 for name in unpaired]).any():
                results.update(flip=False, flip_direction=None)
                return
        super()._flip(results)
        results['gt_relation_labels'] = mirrored_predicates(names, self.swap_predicates)[labels]


@lru_cache(maxsize=8)
def mirrored_predicates(
    predicates: tuple[str, ...], swaps: tuple[tuple[str, str], ...] | None = None
) -> np.ndarray:
    """Return what each predicate becomes in a mirror.

    Args:
        predicates: R names.
        swaps: Pairs of names; None to find names that differ in the words
            *left* and *right* only. Capitals and what stands between the words
            (blanks, ``_``, ``-``) do not count: ``left_of`` has the partner
            ``right_of``, else ``Right-Of``.

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
        swaps = _partners(predicates)
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


@lru_cache(maxsize=8)
def unpaired_predicates(
    predicates: tuple[str, ...], swaps: tuple[tuple[str, str], ...] | None = None
) -> tuple[str, ...]:
    """Return the names with *left* or *right* that a mirror leaves as they are.

    Args:
        predicates: R names.
        swaps: See :func:`mirrored_predicates`.
    """
    mirrored = mirrored_predicates(predicates, swaps)
    return tuple(
        name
        for p, name in enumerate(predicates, 1)
        if mirrored[p] == p and words(name) != _mirrored_words(name)
    )


def words(name: str) -> tuple[str, ...]:
    """Split a name into words of small letters.

    Example:
        >>> words('LEFT-of') == words('left_of') == words('leftOf')
        True
    """
    return tuple(re.sub(r'(?<=[a-z])(?=[A-Z])|[\W_]+', ' ', name).casefold().split())


def _partners(predicates: Sequence[str]) -> list[tuple[str, str]]:
    """Pair names that differ in the side only, first those with equal separators."""
    pairs: dict[str, str] = {}
    sided = [name for name in predicates if words(name) != _mirrored_words(name)]
    for text_of, mirrored in ((str.casefold, _mirrored_text), (words, _mirrored_words)):
        names = {text_of(name): name for name in sided if name not in pairs}
        for name in sided:
            other = names.get(mirrored(name))
            if other not in (None, name) and name not in pairs and other not in pairs:
                pairs.update({name: other, other: name})
    return list(pairs.items())


def _mirrored_words(name: str) -> tuple[str, ...]:
    return tuple(_MIRRORED_WORDS.get(word, word) for word in words(name))


def _mirrored_text(name: str) -> str:
    def mirror(word: re.Match) -> str:
        return _MIRRORED_WORDS.get(word[0], word[0])

    return re.sub(r'[^\W_]+', mirror, name.casefold())
