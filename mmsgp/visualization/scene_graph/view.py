"""Select the drawn part of a scene graph, as plain arrays and names.

Shape shorthand: N objects, M relations, C object classes, R predicates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmsgp.structures import SceneGraph
from mmsgp.visualization.fonts import DEFAULT, families_of


class RelationStyle(NamedTuple):
    """Style of a drawn relation; line and colour carry the same meaning."""

    meaning: str
    color: str
    line: str | tuple


# Colours of Okabe and Ito, which colour-blind readers can distinguish.
PLAIN = RelationStyle('relation', '#3d3d3d', '-')
FADED = RelationStyle('another relation', '#b8b8b8', '-')
HIT = RelationStyle('found', '#0072b2', '-')
MISS = RelationStyle('missed', '#d55e00', (0, (5, 2.5)))
EXTRA = RelationStyle('predicted, but not annotated', '#6b6b6b', (0, (1.2, 1.8)))


@dataclass
class GraphView:
    """The shown relations of a graph and their objects.

    Without relations, all objects are shown.
    """

    objects: np.ndarray
    """(N,) indices of the shown objects in the graph."""
    bboxes: np.ndarray
    """(N, 4) boxes of the shown objects, in pixels of the image."""
    names: list[str]
    """N names: the class, with a number if several are shown."""
    colors: np.ndarray
    """(N, 3) from 0 to 1."""
    pairs: np.ndarray
    """(M, 2) indices into the shown objects."""
    labels: np.ndarray
    """(M,) predicates ``1 .. R``."""
    predicates: list[str]
    """M names, with the score if there is one."""
    strengths: np.ndarray
    """(M,) from 0 to 1, the score relative to the best one."""
    styles: list[RelationStyle]
    """M styles."""
    fonts: tuple[str, ...] = (DEFAULT,)
    """Font families that have all characters of the names."""


def view_graph(
    graph: SceneGraph,
    classes: Sequence[str],
    predicates: Sequence[str],
    colors: np.ndarray,
    indices: np.ndarray,
    styles: Sequence[RelationStyle],
    numbered: np.ndarray | None = None,
) -> GraphView:
    """Select relations of a graph and name their objects.

    Args:
        graph: The graph.
        classes: C names.
        predicates: R names; predicate ``p`` is
            ``predicates[p - 1]``.
        colors: (C, 3) colours of the classes.
        indices: (M,) the relations to show.
        styles: M styles.
        numbered: Indices of the objects to number if classes are equal. Defaults
            to None: the shown objects.

    Returns:
        GraphView: Arrays and names.

    Raises:
        ValueError: If a label has no name.
    """
    labels = _array(graph.objects.labels)
    pairs = _array(graph.relations.pairs).reshape(-1, 2)[indices]
    predicate_labels = _array(graph.relations.labels)[indices]
    _check_range('object class', labels, 0, len(classes) - 1)
    _check_range('predicate', predicate_labels, 1, len(predicates))

    shown = np.unique(pairs) if len(pairs) else np.arange(len(labels))
    position = np.zeros(len(labels), dtype=int)
    position[shown] = np.arange(len(shown))
    names = [predicates[label - 1] for label in predicate_labels]
    strengths = np.full(len(pairs), 0.5)
    if 'scores' in graph.relations and len(pairs):
        scores = _array(graph.relations.scores)[indices].astype(float)
        names = [
            f'{name} {_format_score(score)}' for name, score in zip(names, scores, strict=True)
        ]
        strengths = scores / max(scores.max(), 1e-12)
    numbered = shown if numbered is None else np.union1d(numbered, shown)
    object_names = dict(
        zip(
            numbered.tolist(),
            number_names([classes[label] for label in labels[numbered]]),
            strict=True,
        )
    )
    shown_names = [object_names[index] for index in shown.tolist()]
    return GraphView(
        objects=shown,
        bboxes=_array(graph.objects.bboxes).reshape(-1, 4)[shown].astype(float),
        names=shown_names,
        colors=colors[labels[shown]],
        pairs=position[pairs],
        labels=predicate_labels,
        predicates=names,
        strengths=strengths,
        styles=list(styles),
        fonts=families_of([*shown_names, *names]),
    )


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    return torch.as_tensor(values).detach().cpu().numpy()


def _format_score(score: float) -> str:
    return f'{score:.2f}' if score >= 0.005 else '<0.01'


def number_names(names: Sequence[str]) -> list[str]:
    """Number equal names: ``person 1``, ``person 2``, ``dog``."""
    totals = Counter(names)
    seen: Counter = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f'{name} {seen[name]}' if totals[name] > 1 else name)
    return numbered


def _check_range(kind: str, labels: np.ndarray, low: int, high: int) -> None:
    wrong = labels[(labels < low) | (labels > high)]
    if len(wrong):
        raise ValueError(
            f'{kind} {wrong[0]} has no name; labels {low} to {high} have one. '
            'Do the names belong to the data set of the graph?'
        )
