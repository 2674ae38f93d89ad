"""Random scene graphs for tests and benchmarks.

Boxes have whole coordinates on a small image, so that equal boxes, and IoUs equal to
a threshold, are common.
"""

from __future__ import annotations

import torch
from mmengine.structures import InstanceData
from torch import Generator, Tensor

from mmsgp.structures import SceneGraph, SceneGraphDataSample


def random_boxes(generator: Generator, num_boxes: int, image_size: int = 64) -> Tensor:
    """Draw boxes (N, 4), float32, whole coordinates, sides of at least 1.

    Args:
        generator: Source of randomness.
        num_boxes: N.
        image_size: Width and height of the image. Defaults to 64.
    """
    ends = [
        torch.rand(num_boxes, image_size + 1, generator=generator).topk(2).indices.sort().values
        for _ in 'xy'
    ]  # 2 x (N, 2): two different coordinates each
    return torch.stack(ends, dim=2).flatten(1).float()


def random_scene_graph(
    generator: Generator,
    num_objects: int = 5,
    num_relations: int = 6,
    num_classes: int = 5,
    num_predicates: int = 4,
    image_size: int = 64,
) -> SceneGraph:
    """Draw an annotated graph; a pair may have several predicates.

    Args:
        generator: Source of randomness.
        num_objects: N.
        num_relations: M; 0 for less than two objects.
        num_classes: C; labels are ``0 .. C-1``.
        num_predicates: R; predicates are ``1 .. R``.
        image_size: Width and height of the image in pixels.
    """
    pairs = all_pairs(num_objects)
    if len(pairs):
        pairs = pairs[_integers(generator, len(pairs), num_relations)]
    return SceneGraph(
        objects=InstanceData(
            bboxes=random_boxes(generator, num_objects, image_size),
            labels=_integers(generator, num_classes, num_objects),
        ),
        relations=InstanceData(
            pairs=pairs, labels=1 + _integers(generator, num_predicates, len(pairs))
        ),
    )


def random_prediction(generator: Generator, gt: SceneGraph | None = None, **kwargs) -> SceneGraph:
    """Draw a predicted graph with scores, sorted best first.

    Pairs are weighed by the product of the scores of their objects.

    Args:
        generator: Source of randomness.
        gt: Annotated graph whose boxes and labels are used. Defaults to None:
            objects are drawn.
        **kwargs: Arguments of :func:`random_scene_graph`.
    """
    if gt is not None:
        kwargs['num_objects'] = gt.num_objects
    pred = random_scene_graph(generator, **kwargs)
    if gt is not None:
        pred.objects = InstanceData(bboxes=gt.objects.bboxes, labels=gt.objects.labels)
    pred.objects.scores = torch.rand(pred.num_objects, generator=generator)
    pred.relations.scores = (
        torch.rand(pred.num_relations, generator=generator).sort(descending=True).values
    )
    pred.relations.weights = pred.objects.scores[pred.relations.pairs].prod(dim=1)
    return pred


def permuted(graph: SceneGraph, generator: Generator) -> SceneGraph:
    """The same graph with its objects in another order."""
    order = torch.randperm(graph.num_objects, generator=generator)
    relations = graph.relations.clone()
    relations.pairs = order.argsort()[relations.pairs]
    return SceneGraph(objects=graph.objects[order], relations=relations)


def all_pairs(num_objects: int) -> Tensor:
    """List all ordered pairs of different objects, (N * (N - 1), 2)."""
    return (~torch.eye(num_objects, dtype=torch.bool)).nonzero()


def assert_same_graphs(first: SceneGraph, second: SceneGraph) -> None:
    """Check that two predictions agree up to rounding.

    Relations are compared by pair, not by rank, because the scores of random
    weights are nearly equal.
    """
    assert torch.equal(first.objects.labels, second.objects.labels)
    torch.testing.assert_close(first.objects.bboxes, second.objects.bboxes, rtol=1e-4, atol=1e-2)
    tables = []
    for graph in (first, second):
        size, relations = graph.num_objects, graph.relations
        values = torch.cat([relations.scores[:, None], relations.distribution], dim=1)
        table = values.new_zeros(size, size, values.shape[1])
        table[tuple(relations.pairs.T)] = values
        tables.append(table)
    torch.testing.assert_close(*tables, rtol=1e-3, atol=1e-4)


def predicted_sample(
    img_id: int, gt: SceneGraph, **predictions: SceneGraph
) -> SceneGraphDataSample:
    """Build a sample as the evaluator gets it from a model.

    Args:
        img_id: Number of the image.
        gt: The annotated graph.
        **predictions: Predicted graphs by task name.
    """
    sample = SceneGraphDataSample(metainfo=dict(img_id=img_id, img_path=f'{img_id}.jpg'))
    sample.gt_scene_graph = gt
    sample.pred_scene_graphs = predictions
    return sample


def _integers(generator: Generator, high: int, number: int) -> Tensor:
    return torch.randint(high, (number,), generator=generator)
