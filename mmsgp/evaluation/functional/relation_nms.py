"""Suppress a predicate in similar pairs.

Shape shorthand: M pairs, R predicates.
"""

from __future__ import annotations

import numpy as np

from .matching import GraphArrays, aligned_iou


def relation_nms(
    graph: GraphArrays, distribution: np.ndarray, subject_scores: np.ndarray, iou_thr: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give similar pairs different predicates.

    As PE-Net's evaluation does (Zheng et al., CVPR 2023): of all pairs and predicates
    the most probable is taken; its pair gets this predicate, and loses all others. The
    predicate's probability becomes 0 in pairs of the same two classes whose
    two boxes overlap with those of the pair by at least ``iou_thr``. This is repeated
    until each pair has a predicate. They are sorted by the predicate's probability
    times the square of the subject's score, as in its code.

    Args:
        graph: With M pairs.
        distribution: (M, R+1), probabilities, unknown first.
        subject_scores: (M,).
        iou_thr: IoU of similar boxes, 0.6 in its code.

    Returns:
        tuple[ndarray, ndarray]: (M,) rows of pairs, best first, and their
        predicates (M,), in this order.
    """
    table = distribution[:, 1:].astype(np.float64)
    best = table.max(axis=1, initial=0)
    labels = graph.labels[graph.pairs]  # (M, 2)
    boxes = graph.bboxes[graph.pairs]  # (M, 2, 4)
    predicates, scores = np.zeros(len(table), np.int64), np.zeros(len(table))
    open_ = np.ones(len(table), bool)
    for _ in range(len(table)):
        row = int(np.where(open_, best, -1).argmax())
        column = int(table[row].argmax())
        predicates[row], scores[row] = column + 1, best[row]
        open_[row] = False
        others = np.flatnonzero(open_ & (labels == labels[row]).all(axis=1))
        for end in (0, 1):
            own = np.broadcast_to(boxes[row, end], (len(others), 4))
            others = others[aligned_iou(boxes[others, end], own) >= iou_thr]
        table[others, column] = 0
        best[others] = table[others].max(axis=1, initial=0)
    order = np.argsort(-scores * subject_scores**2, kind='stable')
    return order, predicates[order]
