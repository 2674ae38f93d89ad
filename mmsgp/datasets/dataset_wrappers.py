"""Several data sets of scene graphs as one."""

from __future__ import annotations

from functools import reduce
from operator import add

from mmengine.dataset import ConcatDataset as _ConcatDataset
from mmengine.dataset import force_full_init
from torch.utils.data import Dataset

from mmsgp.registry import DATASETS

from .statistics import DatasetStatistics


def innermost_dataset(dataset: Dataset) -> Dataset:
    """Return the data set inside wrappers such as ``RepeatDataset``.

    Raises:
        TypeError: If no data set in it has ``statistics``.
    """
    while not hasattr(dataset, 'statistics'):
        if not hasattr(dataset, 'dataset'):
            raise TypeError(
                f'{type(dataset).__module__}.{type(dataset).__name__} has no '
                'statistics of its scene graphs. Use a subclass of '
                'BaseSceneGraphDataset, and mmsgp.ConcatDataset to join several'
            )
        dataset = dataset.dataset
    return dataset


@DATASETS.register_module()
class ConcatDataset(_ConcatDataset):
    """Data sets of scene graphs one after the other, with the same names.

    Statistics and ``predicate_train_counts`` are those of all of them.

    Args:
        datasets: The parts, or their configs.
        lazy_init: Whether annotations are loaded when first needed. Defaults
            to False.
        ignore_keys: Further keys in which ``metainfo`` of the parts may
            differ. Defaults to None.

    Raises:
        ValueError: If parts have different classes or predicates.
    """

    def __init__(
        self, datasets: list, lazy_init: bool = False, ignore_keys: str | list[str] | None = None
    ) -> None:
        if isinstance(ignore_keys, str):
            ignore_keys = [ignore_keys]
        super().__init__(
            datasets,
            lazy_init,
            ['classes', 'predicates', 'palette', 'predicate_train_counts', *(ignore_keys or ())],
        )

    @classmethod
    def read_names(cls, datasets: list[dict], **kwargs) -> dict[str, tuple[str, ...]]:
        """Read the names of the first part, without the annotations."""
        part = datasets[0]
        while 'dataset' in part:
            part = part['dataset']
        part = dict(part)
        return DATASETS.get(part.pop('type')).read_names(**part)

    @property
    @force_full_init
    def statistics(self) -> DatasetStatistics:
        """DatasetStatistics: of all parts."""
        return self._statistics

    def full_init(self) -> None:
        """Load the annotations of the parts."""
        if self._fully_initialized:
            return
        super().full_init()
        parts = [innermost_dataset(part) for part in self.datasets]
        for number, part in enumerate(parts[1:], 2):
            for key in ('classes', 'predicates'):
                self._check_names(number, key, part.metainfo[key])
        self._statistics = reduce(add, (part.statistics for part in parts))
        self._metainfo = {
            **self.datasets[0].metainfo,
            'predicate_train_counts': self._statistics.predicate_counts.tolist(),
        }

    def _check_names(self, number: int, key: str, names: tuple[str, ...]) -> None:
        expected = self.datasets[0].metainfo[key]
        if names != expected:
            index = next(
                (i for i, pair in enumerate(zip(names, expected)) if pair[0] != pair[1]),
                min(len(names), len(expected)),
            )
            raise ValueError(
                f'part {number} of ConcatDataset has {len(names)} {key}, from '
                f'number {index + 1} on {names[index : index + 3]}, but part 1 has '
                f'{len(expected)}, there {expected[index : index + 3]}: all parts '
                'must have the same names in the same order'
            )
