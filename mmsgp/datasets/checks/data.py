"""The images of all loaders of a config, read without their pixels.

Shape shorthand: I images, B boxes and M relations of all images together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmsgp.datasets.base_scene_graph_dataset import BaseSceneGraphDataset
from mmsgp.datasets.graph_annotations import SPLITS, GraphAnnotations, offsets_of
from mmsgp.datasets.splits import split_indices, with_split_ids
from mmsgp.registry import DATASETS

from .findings import ERROR, WARNING, Finding

# Arguments of a data set that do not change what its files hold.
_OF_A_LOADER = (
    'split', 'pipeline', 'filter_cfg', 'test_mode', 'indices', 'lazy_init', 'num_val_images',
    'max_refetch', 'skip_missing_images',
)  # fmt: skip


@dataclass
class Part:
    """The images that one data set of a loader reads.

    Attributes:
        split: ``'train'``, ``'val'`` or ``'test'``: the loader.
        dataset: The data set, not yet loaded.
        whole: The annotations of its files, all splits.
        annotations: Those of its images, before empty ones are left out.
    """

    split: str
    dataset: BaseSceneGraphDataset
    whole: GraphAnnotations
    annotations: GraphAnnotations


@dataclass
class CheckedData:
    """Images of all loaders, one after the other.

    Attributes:
        parts: The data sets.
        pipelines: Steps of the training pipelines, as configured, by their dotted key.
    """

    parts: list[Part]
    pipelines: dict[str, list[dict]] = field(default_factory=dict)

    @cached_property
    def annotations(self) -> GraphAnnotations:
        """GraphAnnotations: of all parts; ``splits`` are those of the loaders.

        Relations that point nowhere are left out, see :attr:`is_dangling`.
        """
        joined = self._joined
        keep = ~self.is_dangling
        counts = np.bincount(joined.image_of_relation[keep], minlength=len(joined))
        return _replaced(
            joined, relations=joined.relations[keep], relation_offsets=offsets_of(counts)
        )

    @cached_property
    def is_dangling(self) -> np.ndarray:
        """np.ndarray: (M,) bool, relations of all parts with a box or a predicate that
        does not exist."""
        joined = self._joined
        ends, predicates = joined.relations[:, :2], joined.relations[:, 2]
        num_boxes = joined.num_boxes[joined.image_of_relation]
        inside = ((ends >= 0) & (ends < num_boxes[:, None])).all(axis=1)
        return ~(inside & (predicates > 0) & (predicates <= len(joined.predicates)))

    @cached_property
    def dangling_in(self) -> np.ndarray:
        """np.ndarray: images of the relations that point nowhere."""
        return self._joined.image_of_relation[self.is_dangling]

    @cached_property
    def _joined(self) -> GraphAnnotations:
        some = [part.annotations for part in self.parts]
        return GraphAnnotations(
            **{
                name: np.concatenate([getattr(a, name) for a in some])
                for name in ('image_ids', 'file_names', 'sizes', 'boxes', 'labels', 'relations')
            },
            splits=np.repeat(
                [SPLITS.index(part.split) for part in self.parts], list(map(len, some))
            ),
            box_offsets=offsets_of(np.concatenate([a.num_boxes for a in some])),
            relation_offsets=offsets_of(np.concatenate([a.num_relations for a in some])),
            classes=some[0].classes,
            predicates=some[0].predicates,
        )

    @cached_property
    def names(self) -> list[str]:
        """list[str]: file name of each image."""
        return self.annotations.file_names.tolist()


def read_data(cfg: Config) -> tuple[CheckedData | None, list[Finding]]:
    """Read the annotations of all loaders of a config.

    Returns:
        The data, None if they cannot be read, and what the readers complained of.
    """
    parts, findings, pipelines, read = [], [], {}, {}
    for split in SPLITS:
        loader = cfg.get(f'{split}_dataloader')
        key = f'{split}_dataloader.dataset'
        for place, dataset_cfg in _leaves(loader.dataset, key) if loader else ():
            with _collected_warnings() as messages:
                try:
                    parts.append(_read_part(split, dataset_cfg, read))
                except (OSError, ValueError) as error:
                    if str(error) not in [finding.message for finding in findings]:
                        findings.append(Finding('unreadable', ERROR, 1, str(error)))
                    continue
            findings += [Finding('reader', WARNING, 1, message) for message in messages]
            if split == 'train':
                pipelines[f'{place}.pipeline'] = dataset_cfg.get('pipeline', [])
    for part in parts[1:]:
        for kind in ('classes', 'predicates'):
            if getattr(part.whole, kind) != getattr(parts[0].whole, kind):
                message = f'the {kind} of the {part.split} data set are not those of the first one'
                return None, [*findings, Finding('names_differ', ERROR, 1, message)]
    is_readable = not any(finding.severity == ERROR for finding in findings)
    return (CheckedData(parts, pipelines) if parts and is_readable else None), findings


def _leaves(dataset: Mapping, place: str) -> Iterator[tuple[str, Mapping]]:
    """Yield dotted keys and configs of the data sets inside wrappers."""
    if 'datasets' in dataset:
        for i, part in enumerate(dataset['datasets']):
            yield from _leaves(part, f'{place}.datasets.{i}')
    elif 'dataset' in dataset:
        yield from _leaves(dataset['dataset'], f'{place}.dataset')
    else:
        yield place, dataset


def _read_part(split: str, cfg: Mapping, read: dict[str, GraphAnnotations]) -> Part:
    dataset = DATASETS.build({**cfg, 'lazy_init': True, 'pipeline': []})
    if not isinstance(dataset, BaseSceneGraphDataset):
        raise ValueError(
            f'{split}_dataloader reads a {type(dataset).__name__}: only data sets of scene graphs, '
            'subclasses of BaseSceneGraphDataset, can be checked'
        )
    source = repr(sorted((k, repr(v)) for k, v in cfg.items() if k not in _OF_A_LOADER))
    if source not in read:
        whole = dataset.load_annotations()
        if dataset.split_ids is not None:
            where = dataset.ann_file or cfg['type']
            whole = with_split_ids(whole, dataset.split_ids, dataset.data_root, where)
        read[source] = whole
    whole = read[source]
    indices = split_indices(
        whole, dataset.split, dataset.num_val_images, dataset.filter_cfg['filter_empty_relations']
    )
    return Part(split, dataset, whole, whole.subset(indices))


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Collect what readers log, instead of printing it."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger = MMLogger.get_current_instance()
    handlers, logger.handlers = logger.handlers, [Collector(logging.WARNING)]
    try:
        yield messages
    finally:
        logger.handlers = handlers


def _replaced(annotations: GraphAnnotations, **changes) -> GraphAnnotations:
    return GraphAnnotations(**{**vars(annotations), **changes})


def row_hashes(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return numbers (N,) uint64 that are equal where all columns (N,) are equal."""
    hashes = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        if column.dtype.kind == 'f':
            column = column.astype(np.float32).view(np.uint32)
        hashes = (hashes ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def is_repeated(hashes: np.ndarray) -> np.ndarray:
    """Return (N,) bool, whether an equal value stands before this one."""
    _, first = np.unique(hashes, return_index=True)
    repeated = np.ones(len(hashes), bool)
    repeated[first] = False
    return repeated
