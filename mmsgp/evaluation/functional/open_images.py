"""The score of Open Images' visual relationship detection.

Shape shorthand: D detections of an image or of all images, M annotated relations of
an image, R predicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .graph_constraint import RankedEntries
from .matching import GraphArrays, aligned_iou, union_boxes

PREDICATES_PER_PAIR, DETECTIONS, LEAST_SCORE, IOU_THR = 2, 100, 1e-5, 0.5


class Detections(NamedTuple):
    """Triplets of an image, best first, and whether they hit.

    Attributes:
        predicates: (D,) int16.
        scores: (D,) float32.
        relation: (D,) bool, hits by both boxes.
        phrase: (D,) bool, hits by the union box.
        found: Annotated relations that the first 50 find.
    """

    predicates: np.ndarray
    scores: np.ndarray
    relation: np.ndarray
    phrase: np.ndarray
    found: int


def keep_two_of_each_pair(entries: RankedEntries) -> np.ndarray:
    """Return the positions of the two best entries of each pair, at most 100."""
    order = np.argsort(entries.rows, kind='stable')
    rows = entries.rows[order]
    starts = np.searchsorted(rows, rows)
    first_two = np.sort(order[np.arange(len(rows)) - starts < PREDICATES_PER_PAIR])
    return first_two[entries.scores[first_two] > LEAST_SCORE][:DETECTIONS]


def detect(gt: GraphArrays, pred: GraphArrays, entries: RankedEntries, found: int) -> Detections:
    """Match the detections of an image.

    A detection hits the annotated relation of the same three classes that it overlaps
    most, if the IoU is above 0.5 and no better detection has hit it. The IoU is the
    smaller one of subject and object, or that of the union boxes.

    Args:
        gt: The annotated graph.
        pred: The predicted graph.
        entries: Of :func:`keep_two_of_each_pair`.
        found: Annotated relations that the first 50 find, see :class:`Detections`.
    """
    pairs = pred.pairs[entries.rows]
    triplets = np.column_stack([pred.labels[pairs], entries.predicates])
    annotated = np.column_stack([gt.labels[gt.pairs], gt.predicates])
    row, column = np.nonzero((triplets[:, None] == annotated).all(axis=2))
    hits = []
    for iou in (
        np.minimum(
            *(
                aligned_iou(pred.bboxes[pairs[row, end]], gt.bboxes[gt.pairs[column, end]])
                for end in (0, 1)
            )
        ),
        aligned_iou(union_boxes(pred.bboxes, pairs)[row], union_boxes(gt.bboxes, gt.pairs)[column]),
    ):
        table = np.zeros((len(pairs), len(annotated)))
        table[row, column] = iou
        hits.append(_hits(table))
    return Detections(
        entries.predicates.astype(np.int16), entries.scores.astype(np.float32), *hits, found
    )


def _hits(iou: np.ndarray) -> np.ndarray:
    """Return (D,) bool from (D, M) IoU, 0 for other classes; best detections first."""
    result = np.zeros(len(iou), bool)
    taken = np.zeros(iou.shape[1], bool)
    for i in np.flatnonzero((iou > IOU_THR).any(axis=1)):
        best = iou[i].argmax()
        result[i] = not taken[best]
        taken[best] = True
    return result


def average_precision(scores: np.ndarray, hits: np.ndarray, num_annotated: int) -> float:
    """Compute the area under the precision-recall curve, interpolated at all points.

    Args:
        scores: (D,).
        hits: (D,) bool.
        num_annotated: Annotated relations.
    """
    found = np.cumsum(hits[np.argsort(-scores, kind='stable')])
    precision = found / np.arange(1, len(found) + 1)
    recall = np.concatenate([[0], found / num_annotated])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * envelope).sum())


def open_images_metrics(
    images: Sequence[Detections], predicates: np.ndarray, num_predicates: int
) -> dict[str, float]:
    """Compute the metrics of Open Images, in [0, 1].

    ``OI-R@50`` is the share of all annotated relations found; ``wmAP_rel`` and ``wmAP_phr``
    are the average precisions of the predicates, weighted by their annotated relations;
    ``OI-score`` is ``0.2 R@50 + 0.4 wmAP_rel + 0.4 wmAP_phr``.

    Args:
        images: Of all images.
        predicates: Of all annotated relations, ``1 .. R``.
        num_predicates: R.
    """
    counts = np.bincount(predicates, minlength=num_predicates + 1)
    labels, scores, relation, phrase = (
        np.concatenate([image[i] for image in images]) for i in range(4)
    )
    result = {'OI-R@50': sum(image.found for image in images) / len(predicates)}
    for name, hits in (('wmAP_rel', relation), ('wmAP_phr', phrase)):
        result[name] = sum(
            counts[p]
            / len(predicates)
            * average_precision(scores[labels == p], hits[labels == p], counts[p])
            for p in np.flatnonzero(counts)
        )
    result['OI-score'] = (
        0.2 * result['OI-R@50'] + 0.4 * result['wmAP_rel'] + 0.4 * result['wmAP_phr']
    )
    return result
