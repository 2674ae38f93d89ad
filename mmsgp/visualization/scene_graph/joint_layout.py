"""Lay out one or more graphs of the same image.

Shape shorthand: N objects, M relations.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from .layout import GraphLayout, layout_graph, straighten
from .panels import object_sizes, predicate_sizes
from .view import GraphView


def plan_layouts(
    views: list[GraphView], size: tuple[float, float], same_objects: bool
) -> list[GraphLayout]:
    """Lay out graphs on panels of at least this size.

    Args:
        views: The graphs.
        size: Width and height in points.
        same_objects: Whether an index means the same object in all graphs. If
            so, objects and equal relations have the same place in all layouts,
            so that differences are easy to see.

    Returns:
        list[GraphLayout]: One per view.
    """
    if same_objects:
        return _joint_layouts(views, size)
    return [layout for view in views for layout in _joint_layouts([view], size)]


def _joint_layouts(views: list[GraphView], size: tuple[float, float]) -> list[GraphLayout]:
    """Lay out all objects and relations of the views as one graph."""
    objects = {
        index: place
        for place, index in enumerate(
            np.unique(np.concatenate([view.objects for view in views])).tolist()
        )
    }
    relations: dict[tuple, int] = {}
    object_places, relation_places = [], []
    for view in views:
        object_places.append([objects[index] for index in view.objects.tolist()])
        relation_places.append(
            [relations.setdefault(key, len(relations)) for key in _relation_keys(view)]
        )

    nodes, anchors = np.zeros((len(objects), 2)), np.zeros((len(objects), 2))
    labels = np.zeros((len(relations), 2))
    for view, places, label_places in zip(views, object_places, relation_places, strict=True):
        nodes[places] = np.maximum(nodes[places], object_sizes(view))
        anchors[places] = (view.bboxes[:, :2] + view.bboxes[:, 2:]) / 2
        labels[label_places] = np.maximum(labels[label_places], predicate_sizes(view))
    pairs = np.array(
        [[objects[subject], objects[object_]] for subject, object_, *_ in relations], dtype=int
    )
    layout = layout_graph(nodes, labels, pairs.reshape(-1, 2), anchors, size)
    layouts = [
        GraphLayout(layout.objects[places], layout.predicates[label_places], layout.size)
        for places, label_places in zip(object_places, relation_places, strict=True)
    ]
    # The other views' relations leave free room in this one.
    return [
        straighten(layout, object_sizes(view), predicate_sizes(view), view.pairs)
        for layout, view in zip(layouts, views, strict=True)
    ]


def _relation_keys(view: GraphView) -> list[tuple[int, int, int, int]]:
    """List subject, object, predicate, and a count for equal triplets."""
    seen: Counter = Counter()
    keys = []
    pairs = view.objects[view.pairs].reshape(-1, 2)
    for (subject, object_), label in zip(pairs.tolist(), view.labels.tolist(), strict=True):
        triplet = subject, object_, label
        keys.append((*triplet, seen[triplet]))
        seen[triplet] += 1
    return keys
