"""Repeat images with rare predicates, and leave out frequent relations in them.

Shape shorthand: I images, M relations of an image, R predicates.
"""

from __future__ import annotations

import numpy as np
from torch.utils.data import Dataset

from mmsgp.registry import DATASETS
from mmsgp.utils.seeding import seeded

from .base_scene_graph_dataset import BaseSceneGraphDataset

IGNORED = -1


@DATASETS.register_module()
class ResampledDataset(Dataset):
    """A training set in which rare predicates occur more often.

    A predicate with the share f of all relations has the factor ``r_p = max(1,
    sqrt(threshold / f))``, an image the largest factor of its predicates, r_i. The
    image is repeated r_i times, rounded at random to a whole number, once (Gupta
    et al., *LVIS*, CVPR 2019).

    With ``drop_rate``, also bi-level resampling (Li et al., *Bipartite Graph Network
    with Adaptive Message Passing*, CVPR 2021): in an image with ``r_i > 1`` each
    relation is left out with probability ``drop_rate * (1 - r_p / r_i)``, drawn
    again for each repetition and epoch.

    Statistics, e.g. for the frequency prior, are those of the wrapped data set.

    Args:
        dataset: A :class:`BaseSceneGraphDataset`, or its config.
        threshold: Share below which a predicate is rare. Defaults to 0.1.
        drop_rate: Defaults to 0: no relation is left out. Bi-level
            resampling has 0.9.
        dropped: What becomes of a pair whose relation is left out:
            ``'ignored'``, it is not trained on; or ``'unknown'``, it may be sampled as a
            pair without relation, as the released code does with given boxes.
            Defaults to ``'ignored'``.
        seed: Of the rounding. Defaults to 0.
        lazy_init: Whether annotations are loaded when first needed. Defaults
            to False.

    Raises:
        TypeError: If the data set is of another kind.
        ValueError: If a number is out of its range.
    """

    entropy = None  # see BaseSceneGraphDataset

    def __init__(
        self,
        dataset: BaseSceneGraphDataset | dict,
        threshold: float = 0.1,
        drop_rate: float = 0.0,
        dropped: str = 'ignored',
        seed: int = 0,
        lazy_init: bool = False,
    ) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f'ResampledDataset.threshold must be in (0, 1], got {threshold}')
        if not 0 <= drop_rate <= 1:
            raise ValueError(f'ResampledDataset.drop_rate must be in [0, 1], got {drop_rate}')
        if dropped not in ('ignored', 'unknown'):
            raise ValueError(
                f"ResampledDataset.dropped must be 'ignored' or 'unknown', got {dropped!r}"
            )
        if dropped != 'ignored' and not drop_rate:
            raise ValueError(
                f'ResampledDataset.dropped={dropped!r} has no effect without a drop_rate: '
                'set drop_rate, or leave dropped out'
            )
        if isinstance(dataset, dict):
            dataset = DATASETS.build({'lazy_init': lazy_init, **dataset})
        if not isinstance(dataset, BaseSceneGraphDataset):
            raise TypeError(
                f'ResampledDataset.dataset is a {type(dataset).__name__}: give a subclass of '
                'BaseSceneGraphDataset, and join several with ConcatDataset afterwards'
            )
        self.dataset = dataset
        self.threshold, self.drop_rate = threshold, drop_rate
        self.dropped, self.seed = dropped, seed
        self._rows: np.ndarray | None = None
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Load the annotations and draw the repetitions."""
        if self._rows is not None:
            return
        self.dataset.full_init()
        self._factors = repeat_factors(self.dataset.statistics.predicate_counts, self.threshold)
        annotations = self.dataset.data_list
        self._image_factors = np.ones(len(annotations))
        np.maximum.at(
            self._image_factors,
            annotations.image_of_relation,
            self._factors[annotations.relations[:, 2] - 1],
        )
        whole = np.floor(self._image_factors)
        drawn = np.random.default_rng(self.seed).random(len(annotations))
        repeats = (whole + (drawn < self._image_factors - whole)).astype(np.int64)
        self._rows = np.repeat(np.arange(len(annotations)), repeats)

    @property
    def metainfo(self) -> dict:
        """dict: of the wrapped data set."""
        return self.dataset.metainfo

    def __len__(self) -> int:
        self.full_init()
        return len(self._rows)

    def get_data_info(self, idx: int) -> dict:
        """Return the annotations of an image, some relations left out at random."""
        self.full_init()
        row = self._rows[idx]
        info = self.dataset.get_data_info(int(row))
        relations = info['relations']
        if self.drop_rate and len(relations):
            share = self._factors[relations[:, 2] - 1] / self._image_factors[row]
            # The global generator is seeded for each image.
            left_out = np.random.rand(len(relations)) < self.drop_rate * (1 - share)  # noqa: NPY002
            if self.dropped == 'unknown':
                info['relations'] = relations[~left_out]
            else:
                relations[left_out, 2] = IGNORED
        return info

    def __getitem__(self, idx: int) -> dict:
        """Return an item after the pipeline of the wrapped data set.

        Its random numbers depend on ``entropy`` and the index only. Another item
        takes the place of one that the pipeline leaves out.

        Raises:
            RuntimeError: If the pipeline leaves out too many items.
        """
        if self.entropy is None:
            return self._prepare(idx)
        with seeded(*self.entropy, idx):
            return self._prepare(idx)

    def _prepare(self, idx: int) -> dict:
        for _ in range(self.dataset.max_refetch + 1):
            item = self.dataset.pipeline(self.get_data_info(idx))
            if item is not None:
                return item
            idx = np.random.randint(len(self))  # noqa: NPY002
        raise RuntimeError(
            f'the pipeline left out {self.dataset.max_refetch + 1} images one after the other'
        )


def repeat_factors(predicate_counts: np.ndarray, threshold: float) -> np.ndarray:
    """Compute ``max(1, sqrt(threshold / share))`` of each predicate.

    Args:
        predicate_counts: (R,), relations of each predicate.
        threshold: Share below which a predicate is rare.

    Returns:
        np.ndarray: (R,) float64; 1 for predicates without a relation.
    """
    counts = np.asarray(predicate_counts, np.float64)
    shares = counts / max(counts.sum(), 1)
    return np.maximum(1, np.sqrt(threshold / np.where(counts > 0, shares, threshold)))
