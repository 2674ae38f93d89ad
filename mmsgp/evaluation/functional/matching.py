"""Matching of predicted triplets with annotated ones.

Matching an image takes many small operations. NumPy on the CPU does them as fast
as an accelerator, and gives the same digits everywhere.

Shape shorthand: N objects, M relations, of the ground truth (``gt``) or of a
prediction (``pred``).
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmsgp.structures import SceneGraph

NO_HIT = int(np.iinfo(np.int32).max)
"""Rank of a relation that no prediction hits: larger than any K, and still an
``int32``, so that ranks can be stored as such."""


class GraphArrays(NamedTuple):
    """Parts of a graph that matching needs.

    Attributes:
        bboxes: (N, 4) float64, ``x1, y1, x2, y2``.
        labels: (N,) int64, object classes.
        pairs: (M, 2) int64, subject and object.
        pair_ids: (M,) int64, ``subject * N + object``.
        predicates: (M,) int64, ``1 .. R``.
    """

    bboxes: np.ndarray
    labels: np.ndarray
    pairs: np.ndarray
    pair_ids: np.ndarray
    predicates: np.ndarray

    def check(self, name: str) -> None:
        """Check that the numbers can be matched.

        Args:
            name: Name of the graph, for the message.

        Raises:
            ValueError: If a box is NaN or infinite, or a relation refers to an
                object that does not exist.
        """
        if not np.isfinite(self.bboxes).all():
            raise ValueError(f'The {name} has NaN or infinite boxes.')
        # As unsigned integers, negative numbers are large.
        if self.pairs.view(np.uint64).max(initial=0) >= max(len(self.labels), len(self.pairs) == 0):
            raise ValueError(
                f'The {name} relates objects {self.pairs.min()}..'
                f'{self.pairs.max()}, but has {len(self.labels)} objects.'
            )

    @classmethod
    def from_graph(cls, graph: SceneGraph) -> GraphArrays:
        """Take the arrays of a graph on any device."""
        return cls.from_dict(dict(objects=graph.objects, relations=graph.relations))

    @classmethod
    def from_dict(cls, graph: dict) -> GraphArrays:
        """Take the arrays of a graph from its :meth:`SceneGraph.to_dict`."""
        objects, relations = graph['objects'], graph['relations']
        labels = to_numpy(objects['labels'], np.int64)
        pairs = to_numpy(relations['pairs'], np.int64)
        return cls(
            bboxes=to_numpy(objects['bboxes'], np.float64),
            labels=labels,
            pairs=pairs,
            pair_ids=_pair_ids(pairs, len(labels)),
            predicates=to_numpy(relations['labels'], np.int64),
        )


class Ranks(NamedTuple):
    """Ranks of the first predictions for each annotated relation.

    Attributes:
        triplet: (M_gt,) int64, rank of the first hit.
        pair: (M_gt,) int64, rank of the first prediction for the pair, whatever
            its predicate.
    """

    triplet: np.ndarray
    pair: np.ndarray


def match_triplets(gt: SceneGraph, pred: SceneGraph, iou_thr: float = 0.5) -> Tensor:
    """Return the rank of the first prediction that hits each annotated relation.

    A prediction hits a relation when the subject class, the predicate and the
    object class agree and each of its two boxes has an IoU of at least
    ``iou_thr`` with its counterpart. Objects are matched by class and box,
    never by index, so one definition serves given and detected boxes.
    Several predictions may hit one relation (the first counts) and one
    prediction several relations.

    The predictions are matched as they are listed: the rank of
    ``pred.relations[i]`` is ``i``. Whether a pair may occur more than once is
    the caller's choice, see :func:`~.ranking.apply_graph_constraint`.

    Args:
        gt: The annotated graph.
        pred: The predicted graph, relations sorted best first.
        iou_thr: The least IoU of a matched box. Defaults to 0.5.

    Returns:
        Tensor: (M_gt,), int64, on the device of ``pred``: the 0-based rank of
        the first hit, or :data:`NO_HIT`.

    Example:
        >>> ranks = match_triplets(gt, pred)
        >>> recall_at_20 = (ranks < 20).double().mean()
    """
    arrays = GraphArrays.from_graph(pred)
    match = ObjectMatcher(GraphArrays.from_graph(gt), arrays, iou_thr)
    ranks = match(arrays.pair_ids, arrays.predicates)
    return torch.from_numpy(ranks.triplet).to(pred.relations.pairs.device)


class Matcher(metaclass=ABCMeta):
    """Ranks of annotated relations in lists of predictions.

    Args:
        gt: The annotated graph.
        pred: The graph whose objects the predictions relate.
        iou_thr: The least IoU of a matched box. Defaults to 0.5.
    """

    def __init__(self, gt: GraphArrays, pred: GraphArrays, iou_thr: float = 0.5) -> None:
        self.gt, self.pred, self.iou_thr = gt, pred, iou_thr

    @abstractmethod
    def match_pairs(self, pair_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the predictions on each annotated pair.

        Args:
            pair_ids: (M_pred,), best first.

        Returns:
            tuple[ndarray, ndarray]: The ranks (C,), ascending, of the candidate
            predictions, and whether each is on each pair, (M_gt, C).
        """

    def __call__(self, pair_ids: np.ndarray, predicates: np.ndarray) -> Ranks:
        """Return the ranks in a list of predictions, best first.

        Args:
            pair_ids: (M_pred,), ids of pairs of ``pred``.
            predicates: (M_pred,).
        """
        candidates, on_pair = self.match_pairs(pair_ids)
        hits = on_pair & (self.gt.predicates[:, None] == predicates[candidates])
        return Ranks(_first(hits, candidates), _first(on_pair, candidates))

    def triplet_ranks(self, pair_ids: np.ndarray, predicates: np.ndarray) -> np.ndarray:
        """Return only the ranks of triplets, (M_gt,)."""
        candidates, on_pair = self.match_pairs(pair_ids)
        on_pair &= self.gt.predicates[:, None] == predicates[candidates]
        return _first(on_pair, candidates)


class ObjectMatcher(Matcher):
    """Ranks by the boxes of subject and object, each with its counterpart."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        gt, pred = self.gt, self.pred
        matched = match_objects(gt, pred, self.iou_thr)
        self._subjects = matched[gt.pairs[:, 0]]  # (M_gt, N_pred)
        self._objects = matched[gt.pairs[:, 1]]  # (M_gt, N_pred)
        # Few of the predicted pairs lie on an annotated pair. Only these are
        # compared with every relation: M_gt x M_pred is never built.
        self._on_annotated_pair = (
            self._subjects.astype(np.float32).T @ self._objects.astype(np.float32)
        ).ravel() > 0  # (N_pred ** 2,)

    def match_pairs(self, pair_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`Matcher.match_pairs`."""
        candidates = self._on_annotated_pair.take(pair_ids).nonzero()[0]
        subjects, objects = _pairs_of(pair_ids[candidates], self.pred)
        return candidates, (self._subjects[:, subjects] & self._objects[:, objects])


class PhraseMatcher(Matcher):
    """Ranks by the union box of subject and object: phrase detection.

    The classes of subject and object must agree, and their union boxes must
    have an IoU of at least ``iou_thr``. Source: Lu et al., *Visual
    Relationship Detection with Language Priors*, ECCV 2016.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        gt = self.gt
        self._gt_unions = union_boxes(gt.bboxes, gt.pairs)  # (M_gt, 4)
        self._gt_labels = gt.labels[gt.pairs]  # (M_gt, 2)

    def match_pairs(self, pair_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`Matcher.match_pairs`."""
        pairs = np.stack(_pairs_of(pair_ids, self.pred), axis=1)
        labels = self.pred.labels[pairs]  # (M_pred, 2)
        base = 1 + max(self._gt_labels.max(initial=0), labels.max(initial=0))
        label_ids = _pair_ids(labels, base)
        gt_ids = _pair_ids(self._gt_labels, base)
        candidates = np.isin(label_ids, gt_ids).nonzero()[0]  # (C,)
        on_pair = gt_ids[:, None] == label_ids[candidates]  # (M_gt, C)
        relation, column = on_pair.nonzero()
        unions = union_boxes(self.pred.bboxes, pairs[candidates])
        on_pair[relation, column] = (
            aligned_iou(self._gt_unions[relation], unions[column]) >= self.iou_thr
        )
        return candidates, on_pair


def match_objects(gt: GraphArrays, pred: GraphArrays, iou_thr: float = 0.5) -> np.ndarray:
    """Find the objects that agree in class and box.

    Args:
        gt: ``bboxes`` (N_gt, 4) and ``labels`` (N_gt,).
        pred: ``bboxes`` (N_pred, 4) and ``labels`` (N_pred,).
        iou_thr: The least IoU of a matched box. Defaults to 0.5.

    Returns:
        ndarray: (N_gt, N_pred), bool.
    """
    matched = gt.labels[:, None] == pred.labels
    gt_index, pred_index = matched.nonzero()
    matched[gt_index, pred_index] = (
        aligned_iou(gt.bboxes[gt_index], pred.bboxes[pred_index]) >= iou_thr
    )
    return matched


def aligned_iou(boxes1: np.ndarray, boxes2: np.ndarray) -> np.ndarray:
    """Compute the IoU of each box with the box in the same row, in float64.

    Coordinates are continuous (no ``+ 1``). Equal boxes have an IoU of 1 even
    when they are degenerate, so that a given box always matches itself; any
    other two boxes without area have an IoU of 0.

    Args:
        boxes1: (n, 4) float64, ``x1, y1, x2, y2``.
        boxes2: (n, 4), the same.

    Returns:
        ndarray: (n,), float64.
    """
    (left1, top1, right1, bottom1), (left2, top2, right2, bottom2) = boxes1.T, boxes2.T
    width = np.minimum(right1, right2) - np.maximum(left1, left2)
    height = np.minimum(bottom1, bottom2) - np.maximum(top1, top2)
    intersection = np.maximum(width, 0) * np.maximum(height, 0)
    union = (
        np.maximum(right1 - left1, 0) * np.maximum(bottom1 - top1, 0)
        + np.maximum(right2 - left2, 0) * np.maximum(bottom2 - top2, 0)
        - intersection
    )
    degenerate = union <= 0
    if degenerate.any():
        same = (boxes1[degenerate] == boxes2[degenerate]).all(axis=1)
        intersection[degenerate], union[degenerate] = same, 1
    return intersection / union


def union_boxes(bboxes: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the smallest boxes around pairs of boxes.

    Args:
        bboxes: (N, 4), ``x1, y1, x2, y2``.
        pairs: (M, 2).

    Returns:
        ndarray: (M, 4).
    """
    subjects, objects = bboxes[pairs[:, 0]], bboxes[pairs[:, 1]]
    unions = np.minimum(subjects, objects)
    np.maximum(subjects[:, 2:], objects[:, 2:], out=unions[:, 2:])
    return unions


def _pair_ids(pairs: np.ndarray, base: int) -> np.ndarray:
    """Return a number (M,) for each pair (M, 2) of numbers below ``base``."""
    return pairs[:, 0] * base + pairs[:, 1]


def _pairs_of(pair_ids: np.ndarray, graph: GraphArrays) -> tuple[np.ndarray, np.ndarray]:
    """Return subjects and objects, (M,) each, from their ids."""
    return np.divmod(pair_ids, max(len(graph.labels), 1))


def _first(found: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return the rank (M,) of the first column found in each row of (M, C)."""
    first = np.full(len(found), NO_HIT)
    row, column = found.nonzero()
    # Reversed, so that the first column of a row is written last and stays.
    first[row[::-1]] = ranks[column[::-1]]
    return first


def to_numpy(values: Tensor | np.ndarray, dtype: type) -> np.ndarray:
    """Convert a tensor on any device, of any precision, to an array."""
    if isinstance(values, Tensor):
        if values.dtype == torch.bfloat16:  # which NumPy does not know
            values = values.float()
        values = values.numpy(force=True)
    return values.astype(dtype, copy=False)
