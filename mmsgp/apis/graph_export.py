"""Convert scene graphs to plain data, networkx graphs and files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import torch
from torch import Tensor

from mmsgp.structures import SceneGraph, SceneGraphDataSample
from mmsgp.utils.files import replacing
from mmsgp.visualization.scene_graph.view import number_names

from .graph_selection import probabilities


def describe_graph(
    graph: SceneGraph,
    classes: Sequence[str],
    predicates: Sequence[str],
    topk: int | None = None,
    score_thr: float = 0.0,
) -> dict:
    """Convert a scene graph to numbers and texts, ready for JSON.

    Args:
        graph: Annotated or predicted.
        classes: Names of the object classes.
        predicates: Names of the predicates; predicate ``p`` is
            ``predicates[p - 1]``.
        topk: Number of relations to keep, from the first. Defaults to None: all.
        score_thr: Lowest score of predicted relations to keep. Defaults to 0.0.

    Returns:
        dict: ``objects``, dicts of ``id``, ``label``, ``name``, ``bbox``
        (``[x1, y1, x2, y2]`` in pixels) and, predicted, ``score``; and
        ``relations``, dicts of ``subject`` and ``object`` (ids), ``label``,
        ``predicate`` and, predicted, ``score``, ``probability``
        (P(subject) x P(predicate) x P(object)) and, with a Scorer,
        ``significance``.

    Raises:
        ValueError: If a box or a score is NaN or infinite, e.g. because the
            weights are damaged.
    """
    _check_finite(graph)
    graph = graph.top(len(graph.relations) if topk is None else topk).cpu()
    objects = [
        dict(id=index, label=label, name=classes[label], bbox=[round(value, 2) for value in bbox])
        for index, (label, bbox) in enumerate(
            zip(graph.objects.labels.tolist(), graph.objects.bboxes.tolist())
        )
    ]
    relations = [
        dict(subject=subject, object=object_, label=label, predicate=predicates[label - 1])
        for (subject, object_), label in zip(
            graph.relations.pairs.tolist(), graph.relations.labels.tolist()
        )
    ]
    _add_numbers(objects, 'score', graph.objects.get('scores'))
    _add_numbers(relations, 'score', graph.relations.get('scores'))
    if 'predicate_scores' in graph.relations:
        _add_numbers(relations, 'probability', probabilities(graph))
    _add_numbers(relations, 'significance', graph.relations.get('significance'))
    return dict(
        objects=objects,
        relations=[
            relation for relation in relations if relation.get('score', score_thr) >= score_thr
        ],
    )


def describe_sample(
    image: dict, sample: SceneGraphDataSample, names: dict, topk: int, score_thr: float
) -> dict:
    """Describe the predicted graph of an image, and the image.

    Args:
        image: An item of :class:`~.image_inputs.ImageSource`.
        sample: Its prediction, of one task.
        names: ``classes`` and ``predicates``.
        topk: See :func:`describe_graph`.
        score_thr: See :func:`describe_graph`.

    Raises:
        ValueError: If a number is not finite. The message names the image.
    """
    ((task, graph),) = sample.pred_scene_graphs.items()
    height, width = image['ori_shape']
    try:
        described = describe_graph(graph, names['classes'], names['predicates'], topk, score_thr)
    except ValueError as error:
        raise ValueError(f'{image["img_path"] or image["name"]}: {error}') from error
    origin = {key: image[key] for key in ('video', 'frame') if key in image}
    about = dict(image=image['img_path'], **origin, width=width, height=height, task=task)
    return about | described


def _check_finite(graph: SceneGraph) -> None:
    for name, data, field in (
        ('object', graph.objects, 'bboxes'),
        ('object', graph.objects, 'scores'),
        ('relation', graph.relations, 'scores'),
    ):
        finite = data.get(field, torch.empty(0)).isfinite()
        if not finite.all():
            index = finite.reshape(len(finite), -1).all(dim=1).logical_not().nonzero()
            row = int(index[0])
            raise ValueError(
                f'{field} of {name} {row} are not finite: {data[field][row].tolist()}. '
                'The weights of the model are damaged, or its training diverged'
            )


def _add_numbers(items: list[dict], key: str, values: Tensor | None) -> None:
    if values is not None:
        for item, value in zip(items, values.tolist()):
            item[key] = round(value, 6)


def score_columns(graph: dict) -> list[str]:
    """The numbers that the relations of a described graph have."""
    first = next(iter(graph['relations']), {})
    return [key for key in ('score', 'probability', 'significance') if key in first]


def tabulate_relations(graph: dict) -> list[tuple[str, str, str, float]]:
    """List the relations of a predicted graph in words.

    Args:
        graph: Result of :func:`describe_graph`.

    Returns:
        list: Subject, predicate, object and score per relation. Objects of the
        same class are numbered as in pictures of the same relations.
    """
    ids = sorted(
        {relation[end] for relation in graph['relations'] for end in ('subject', 'object')}
    )
    names = dict(zip(ids, number_names([graph['objects'][index]['name'] for index in ids])))
    return [
        (
            names[relation['subject']],
            relation['predicate'],
            names[relation['object']],
            relation['score'],
        )
        for relation in graph['relations']
    ]


def to_networkx(graph: dict) -> nx.MultiDiGraph:
    """Convert a graph to networkx: an edge from subject to object per relation.

    Args:
        graph: Result of :func:`describe_graph`.

    Returns:
        nx.MultiDiGraph: Nodes have ``label`` (the class), ``x1``, ``y1``,
        ``x2``, ``y2`` and ``score``; edges have ``label`` (the predicate) and
        ``score``.
    """
    result = nx.MultiDiGraph()
    for item in graph['objects']:
        result.add_node(
            item['id'],
            label=item['name'],
            **dict(zip(('x1', 'y1', 'x2', 'y2'), item['bbox'])),
            **_score(item),
        )
    for relation in graph['relations']:
        result.add_edge(
            relation['subject'], relation['object'], label=relation['predicate'], **_score(relation)
        )
    return result


def _score(item: dict) -> dict:
    return {'score': item['score']} if 'score' in item else {}


def _write_json(graph: dict, path: Path) -> None:
    path.write_text(json.dumps(graph, indent=1, allow_nan=False) + '\n', encoding='utf-8')


def _write_graphml(graph: dict, path: Path) -> None:
    nx.write_graphml(to_networkx(graph), path)


def _write_dot(graph: dict, path: Path) -> None:
    # Graphviz shows only labels; other programs may read the other attributes.
    path.write_text(nx.nx_pydot.to_pydot(to_networkx(graph)).to_string(), encoding='utf-8')


WRITERS = {
    'json': _write_json,
    'graphml': _write_graphml,
    'dot': _write_dot,
}


def save_graph(graph: dict, path: str | Path) -> None:
    """Write a graph in the format of the file's suffix.

    Args:
        graph: Result of :func:`describe_graph`.
        path: A file that ends in ``.json``, ``.graphml`` or ``.dot``.

    Raises:
        ValueError: If it ends in anything else, or the graph cannot be written,
            e.g. infinite numbers as JSON.
    """
    path = Path(path)
    write = WRITERS.get(path.suffix[1:].lower())
    if write is None:
        raise ValueError(
            f'{path}: the name of a graph file must end in '
            f'{", ".join("." + name for name in WRITERS)}'
        )
    try:
        with replacing(path) as draft:
            write(graph, draft)
    except ValueError as error:
        raise ValueError(f'{path} cannot be written: {error}') from error
