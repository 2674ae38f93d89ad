"""Predictions in a file, to score them again without the model.

Shape shorthand: I images, N objects, M relations, E entries.

An HDF5 file has a group for each kind of rows: ``images``,
``annotated/objects``, ``annotated/relations`` and, per task,
``<task>/objects``, ``<task>/relations`` and ``<task>/unconstrained`` (the best
entries of all predicates of all pairs, instead of whole distributions). With a
Scorer, ``<task>/unconstrained_<order>`` has those of each order that the
relations can be listed in. The rows of all images follow each other; ``counts``
(I,) has the number of rows per image.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import torch

from .functional import GraphArrays, to_numpy, unconstrained_entries
from .image_ranks import ImageKey
from .reranking import rerank, with_other_weights

FORMAT = 'MMSGP predictions 1'
_FIELDS = {
    'objects': dict(bboxes=np.float64, labels=np.int32, scores=np.float32),
    'relations': dict(
        pairs=np.int32,
        labels=np.int32,
        scores=np.float32,
        predicate_scores=np.float32,
        significance=np.float64,
        unseen=bool,
    ),
}
_DAMAGE = (OSError, UnicodeDecodeError, RuntimeError, KeyError, IndexError, TypeError, ValueError)
_IMAGES_PER_BLOCK = 64
_ROWS_PER_CHUNK = 16_384


class PredictionWriter:
    """Write predictions image by image; used as a context.

    Args:
        path: The file.
        meta: ``classes``, ``predicates`` and, if known,
            ``predicate_train_counts`` and the ``palette`` of the classes.
        ng_limit: Entries to keep without the graph constraint.

    Raises:
        ValueError: While writing, if an image has other tasks or fields than
            those before.
    """

    def __init__(self, path: Path, meta: dict, ng_limit: int = 100) -> None:
        self._file = h5py.File(path, 'w')
        if ng_limit < 1:
            raise ValueError(f'ng_limit must be positive, got {ng_limit}')
        self._file.attrs.update(format=FORMAT, meta=json.dumps(meta), ng_limit=ng_limit)
        self._ng_limit = ng_limit
        self._block = []
        self._num_written = 0
        self._groups = {}  # as an ordered set
        self._layout = {}

    def __enter__(self) -> PredictionWriter:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def write(self, sample: dict) -> None:
        """Add an image.

        Args:
            sample: As from ``SceneGraphDataSample.to_dict``, with
                ``gt_scene_graph`` and ``pred_scene_graphs``.
        """
        key = ImageKey.of(sample)
        rows = {
            'images': dict(keys=np.array([json.dumps(key._asdict(), default=int).encode()])),
            **_graph_rows('annotated', sample['gt_scene_graph']),
        }
        layout = {'tasks': tuple(sample['pred_scene_graphs'])}
        for task, graph in sample['pred_scene_graphs'].items():
            rows.update(_graph_rows(task, graph))
            if not len(graph['relations']['labels']):
                continue
            name = f'{task} prediction of {key}'
            arrays = GraphArrays.from_dict(graph)
            for suffix, weighted in with_other_weights(graph).items():
                group = f'{task}/unconstrained{suffix}'
                entries = unconstrained_entries(arrays, weighted, self._ng_limit, name)
                layout[group] = entries is not None
                if entries is not None:
                    rows[group] = entries._asdict()
        layout.update(
            {
                group: tuple(fields)
                for group, fields in rows.items()
                if '/unconstrained' not in group
            }
        )
        for part, value in layout.items():
            if self._layout.setdefault(part, value) != value:
                raise ValueError(
                    f'{key}: {part} is {value}, but for the images before it was '
                    f'{self._layout[part]}: all images of a file must have the '
                    'same tasks and fields'
                )
        self._block.append(rows)
        if len(self._block) == _IMAGES_PER_BLOCK:
            self._flush()

    def close(self) -> None:
        """Write the remaining images and close the file.

        Raises:
            OSError: If it cannot be written.
        """
        self._flush()
        try:
            self._file.close()
        except RuntimeError as error:  # h5py's error for a full disk
            raise OSError(str(error)) from error

    def discard(self) -> None:
        """Close the file after an error, without writing the remaining images."""
        with suppress(OSError, RuntimeError):
            self._file.close()

    def _flush(self) -> None:
        self._groups.update(dict.fromkeys(g for rows in self._block for g in rows))
        for group in self._groups:
            parts = [rows[group] for rows in self._block if group in rows]
            counts = [
                len(next(iter(rows[group].values()))) if group in rows else 0
                for rows in self._block
            ]
            if group not in self._file:  # no image had it before
                counts = [0] * self._num_written + counts
            self._append(f'{group}/counts', np.array(counts, np.int32))
            for field in parts[0] if parts else ():
                self._append(f'{group}/{field}', np.concatenate([part[field] for part in parts]))
        self._num_written += len(self._block)
        self._block = []

    def _append(self, name: str, values: np.ndarray) -> None:
        if values.dtype == np.int64:
            values = values.astype(np.int32)
        if name not in self._file:
            kind = h5py.string_dtype() if values.dtype.kind == 'S' else values.dtype
            self._file.create_dataset(
                name,
                shape=(0, *values.shape[1:]),
                maxshape=(None, *values.shape[1:]),
                chunks=(_ROWS_PER_CHUNK, *values.shape[1:]),
                dtype=kind,
                compression='gzip',
                compression_opts=1,
                shuffle=kind == values.dtype,
            )
        data = self._file[name]
        data.resize(len(data) + len(values), axis=0)
        data[len(data) - len(values) :] = values


class PredictionFile:
    """Read a file of :class:`PredictionWriter`, image by image.

    Iterating gives samples as ``SceneGraphDataSample.to_dict`` does; instead
    of a ``distribution`` graphs have ``unconstrained``.

    Args:
        path: The file.
        rank_by: The order of the relations, one of
            :data:`~mmsgp.structures.ranking.RANKINGS`. Defaults to None: as
            they were predicted.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a file of predictions or, while reading, if it
            lacks what ``rank_by`` needs.
    """

    def __init__(self, path: str | Path, rank_by: str | None = None) -> None:
        path = Path(path)
        self._rank_by = rank_by
        if not path.is_file():
            raise FileNotFoundError(f'{path} not found: write it with tools/test.py --out')
        try:
            self._file = h5py.File(path)
        except OSError as error:
            raise ValueError(f'{path} is not an HDF5 file: {error}') from error
        if self._file.attrs.get('format') != FORMAT:
            raise ValueError(
                f"{path} is not a file of predictions: its attribute 'format' is not {FORMAT!r}"
            )
        self._path = path
        self._groups = []
        with self._named_damage():
            self.meta = json.loads(self._file.attrs['meta'])
            self.ng_limit = int(self._file.attrs['ng_limit'])
            self._file.visititems(self._add_group)
            for group, offsets in self._offsets.items():
                for field, data in self._file[group].items():
                    if field != 'counts' and len(data) != offsets[-1]:
                        raise IndexError(
                            f'{group}/{field} has {len(data)} rows instead of {offsets[-1]}'
                        )

    @contextmanager
    def _named_damage(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise ValueError(f'{self._path} is damaged: {error!r}') from error

    def _add_group(self, name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and 'counts' in item:
            self._groups.append(name)

    def __len__(self) -> int:
        return len(self._file['images/counts']) if self._groups else 0

    def __iter__(self) -> Iterator[dict]:
        for first in range(0, len(self), _IMAGES_PER_BLOCK):
            last = min(first + _IMAGES_PER_BLOCK, len(self))
            yield from map(self._in_order, self._read(first, last))

    def __getitem__(self, index: int) -> dict:
        if not 0 <= index < len(self):
            raise IndexError(f'{self._path} has {len(self)} images: image {index} does not exist')
        (sample,) = self._read(index, index + 1)
        return self._in_order(sample)

    def _in_order(self, sample: dict) -> dict:
        """Return the sample with its predicted relations in the order ``rank_by``."""
        if self._rank_by is not None:
            try:
                sample['pred_scene_graphs'] = {
                    task: rerank(graph, self._rank_by)
                    for task, graph in sample['pred_scene_graphs'].items()
                }
            except ValueError as error:
                raise ValueError(f'{self._path}: {error}') from error
        return sample

    @cached_property
    def keys(self) -> list[dict]:
        """list[dict]: ``img_id``, ``img_path``, ``sample_idx`` of images."""
        return [json.loads(key) for key in self._file['images/keys']] if len(self) else []

    @cached_property
    def _offsets(self) -> dict[str, np.ndarray]:
        """Return where the rows of each image begin, by group."""
        return {
            group: np.concatenate([[0], np.cumsum(self._file[group]['counts'], dtype=np.int64)])
            for group in self._groups
        }

    def _read(self, first: int, last: int) -> list[dict]:
        """Read the images ``first .. last - 1``."""
        with self._named_damage():
            block = {}
            for group in self._groups:
                offsets = self._offsets[group][first : last + 1]
                block[group] = {
                    field: np.split(data[offsets[0] : offsets[-1]], offsets[1:-1] - offsets[0])
                    for field, data in self._file[group].items()
                    if field != 'counts'
                }
            return [
                _sample(
                    {
                        group: {field: parts[i] for field, parts in fields.items()}
                        for group, fields in block.items()
                    }
                )
                for i in range(last - first)
            ]

    def close(self) -> None:
        self._file.close()


def _graph_rows(name: str, graph: dict) -> dict[str, dict[str, np.ndarray]]:
    return {
        f'{name}/{part}': {
            field: to_numpy(graph[part][field], dtype)
            for field, dtype in fields.items()
            if field in graph[part]
        }
        for part, fields in _FIELDS.items()
    }


def _sample(rows: dict[str, dict[str, np.ndarray]]) -> dict:
    """Build a sample from its rows by group and field."""
    sample = json.loads(rows.pop('images')['keys'][0])
    graphs = {}
    for group, fields in rows.items():
        name, part = group.split('/')
        if part.startswith('unconstrained'):  # matched as arrays
            fields = {
                key: value.astype(np.int64) if value.dtype == np.int32 else value
                for key, value in fields.items()
            }
        else:
            fields = {key: torch.from_numpy(value) for key, value in fields.items()}
        graphs.setdefault(name, {})[part] = fields
    sample['gt_scene_graph'] = graphs.pop('annotated')
    sample['pred_scene_graphs'] = graphs
    return sample
