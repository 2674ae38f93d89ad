"""Data structure of annotated and predicted scene graphs.

Shape shorthand: N objects, M relations, R predicates.
"""

from __future__ import annotations

import torch
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor


class SceneGraph(BaseDataElement):
    """Objects of an image and the relations between them.

    ``objects`` holds

    - ``bboxes`` (Tensor): (N, 4), ``x1, y1, x2, y2`` in pixels.
    - ``labels`` (Tensor): (N,), object classes ``0 .. C-1``.
    - ``scores`` (Tensor): (N,), predictions only.

    ``relations`` holds

    - ``pairs`` (Tensor): (M, 2), indices of the subject and the object.
    - ``labels`` (Tensor): (M,), predicates ``1 .. R``; 0 is *unknown*.
    - ``unseen`` (Tensor): (M,) bool, optional, annotations only, whether the
      triplet never occurs in training.
    - ``scores`` (Tensor): (M,), predictions only, sorted best first.
    - ``distribution`` (Tensor): (M, R+1), optional, the predicate
      probabilities of each pair, unknown first.
    - ``predicate_scores`` (Tensor): (M,), optional, the probability of the
      predicate in ``labels``.
    - ``significance`` (Tensor): (M,) float64, optional, the Scorer's output
      within [0, 1]; in single precision those close to 1 would tie.
    - ``weights`` (Tensor): (M,), what a pair's probabilities are multiplied
      by to rank all predicates of all pairs
      (:func:`~mmsgp.structures.ranking.pair_weights`). A prediction with a
      ``distribution`` must have them to be evaluated without the graph
      constraint.

    Example:
        >>> graph = SceneGraph(
        ...     objects=InstanceData(bboxes=boxes, labels=labels),
        ...     relations=InstanceData(pairs=pairs, labels=predicates))
        >>> graph.triplets  # (M, 3): subject class, predicate, object class
    """

    @property
    def objects(self) -> InstanceData:
        """InstanceData: the N objects."""
        return self._objects

    @objects.setter
    def objects(self, value: InstanceData) -> None:
        self.set_field(value, '_objects', dtype=InstanceData)

    @property
    def relations(self) -> InstanceData:
        """InstanceData: the M relations."""
        return self._relations

    @relations.setter
    def relations(self, value: InstanceData) -> None:
        self.set_field(value, '_relations', dtype=InstanceData)

    @property
    def num_objects(self) -> int:
        return len(self.objects.labels)

    @property
    def num_relations(self) -> int:
        return len(self.relations.labels)

    @property
    def triplets(self) -> Tensor:
        """Tensor: (M, 3), subject class, predicate and object class."""
        subjects, objects = self.objects.labels[self.relations.pairs].unbind(1)
        return torch.stack([subjects, self.relations.labels, objects], dim=1)

    def top(self, k: int) -> SceneGraph:
        """Return the graph with its first ``k`` relations, the best of a prediction."""
        return SceneGraph(
            metainfo=self.metainfo, objects=self.objects, relations=self.relations[:k]
        )

    @classmethod
    def from_dict(cls, data: dict) -> SceneGraph:
        """Build a graph from the result of :meth:`to_dict`."""
        metainfo = {
            key: value for key, value in data.items() if key not in ('objects', 'relations')
        }
        return cls(
            metainfo=metainfo,
            objects=InstanceData(**data['objects']),
            relations=InstanceData(**data['relations']),
        )
