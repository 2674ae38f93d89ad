"""Features of objects and relations, for captioning, question answering and retrieval.

Shape shorthand: N objects, P pairs, M relations, d_o and d_p features of an object
and of a relation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import torch
from torch import Tensor, nn

from mmsgp.models.relation_heads import ObjectContext, RegionFeatures
from mmsgp.structures import ObjectBatch, SceneGraph
from mmsgp.utils.unwritten import may_be_unwritten


class FeatureRecorder:
    """Takes the features that a relation head computes anyway.

    Args:
        head: The relation head.
    """

    def __init__(self, head: nn.Module) -> None:
        self.head = head
        self._inputs: tuple | None = None
        self._parts: list[tuple[Tensor, Tensor]] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the pass of the head inside this block."""
        self._inputs, self._parts = None, []
        head = self.head
        forward_tasks, relation_features = head.forward_tasks, head.relation_features

        def take_inputs(regions: RegionFeatures, tasks: Sequence[ObjectBatch]) -> list:
            self._inputs = regions, tasks[0]
            return forward_tasks(regions, tasks)

        def take_features(
            context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
        ) -> Tensor:
            features = relation_features(context, regions, objects)
            # A debiasing method may ask again for the same pairs, in another context.
            if not self._parts or self._parts[-1][0] is not regions.pairs:
                self._parts.append((regions.pairs, features))
            return features

        vars(head).update(forward_tasks=take_inputs, relation_features=take_features)
        try:
            yield
        finally:
            del head.forward_tasks, head.relation_features

    def attach(self, graphs: Sequence[SceneGraph]) -> None:
        """Add ``features`` to the objects (N, d_o) and relations (M, d_p) of a batch.

        Args:
            graphs: The head's predictions, one relation per pair.

        Raises:
            ValueError: If the head computes no such features.
        """
        regions, objects = self._inputs
        if regions.objects is None:
            raise ValueError(
                f'a {type(self.head).__name__} has no features of objects and relations to write: '
                'leave out features, or use another head'
            )
        # Parts of the pairs may come in another order than the pairs.
        pairs, relations = map(torch.cat, zip(*self._parts))
        start = 0
        for image, graph in enumerate(graphs):
            end = start + objects.sizes[image]
            graph.objects.features = regions.objects[start:end]
            of_image = objects.image_ids[pairs[:, 0]] == image
            size = max(end - start, 1)
            keys = _keys(pairs[of_image] - start, size)
            order = keys.argsort()
            rows = order[torch.searchsorted(keys[order], _keys(graph.relations.pairs, size))]
            graph.relations.features = relations[of_image][rows]
            start = end


def _keys(pairs: Tensor, size: int) -> Tensor:
    """A number of each pair of ``size`` objects: (P,)."""
    return pairs[:, 0] * size + pairs[:, 1]


class FeatureFile:
    """An HDF5 file with a group per image, which is named like its other outputs.

    A group has the attributes ``image``, ``width``, ``height`` and ``task``, and the
    arrays ``object_features`` (N, d_o), ``object_bboxes`` (N, 4), ``object_labels``,
    ``object_scores`` (N,), ``relation_features`` (M, d_p), ``relation_pairs`` (M, 2),
    ``relation_labels`` and ``relation_scores`` (M,). The file's attributes ``classes``
    and ``predicates`` name the labels.

    Args:
        path: The file; images are added to it.
        names: ``classes`` and ``predicates``.

    Raises:
        ValueError: If the file exists and is no HDF5 file.
    """

    _FIELDS = {
        'objects': ('features', 'bboxes', 'labels', 'scores'),
        'relations': ('features', 'pairs', 'labels', 'scores'),
    }

    def __init__(self, path: str | Path, names: dict) -> None:
        self.path = Path(path)
        if self.path.exists() and not h5py.is_hdf5(self.path):
            raise ValueError(
                f'{path} exists and is no complete HDF5 file: give another name, or remove it'
            )
        with may_be_unwritten(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with h5py.File(self.path, 'a') as file:
                for kind in ('classes', 'predicates'):
                    file.attrs[kind] = list(names[kind])

    def holds(self, name: str) -> bool:
        """Whether an image has been written."""
        if not self.path.is_file():
            return False
        with h5py.File(self.path) as file:
            return name in file and 'task' in file[name].attrs

    def save(self, name: str, graph: SceneGraph, about: dict) -> None:
        """Write the features of a graph.

        Args:
            name: Name of the image.
            graph: With ``features``.
            about: ``image``, ``width``, ``height`` and ``task``.
        """
        with may_be_unwritten(self.path), h5py.File(self.path, 'a') as file:
            group = file.require_group(name)
            for part, fields in self._FIELDS.items():
                for field in fields:
                    key = f'{part[:-1]}_{field}'
                    if key in group:
                        del group[key]
                    group[key] = getattr(graph, part)[field].cpu().numpy()
            for key in ('image', 'width', 'height', 'task'):  # the task last: all is there
                group.attrs[key] = about[key] or ''
