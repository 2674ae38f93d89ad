"""Annotations carried over to detected boxes, against loops."""

import pytest
import torch
from mmengine.structures import InstanceData

from helpers.oracles import iou
from mmsgp.models.task_modules import GraphAssigner
from mmsgp.structures import SceneGraph
from mmsgp.testing.graphs import random_scene_graph

NUM_CLASSES = 3


def naive_assignment(bboxes, graph):
    """Labels of boxes, and the best predicate of each pair that has one."""
    bboxes, truth = bboxes.double().tolist(), graph.objects.bboxes.tolist()
    classes = graph.objects.labels.tolist()
    labels = []
    for box in bboxes:
        ious = [iou(box, other) for other in truth]
        best = max(range(len(truth)), key=lambda g: ious[g])
        labels.append(classes[best] if ious[best] >= 0.5 else NUM_CLASSES)
    found = {}
    for (s, o), predicate in zip(graph.relations.pairs.tolist(), graph.relations.labels.tolist()):
        for i, first in enumerate(bboxes):
            for j, second in enumerate(bboxes):
                fit = iou(first, truth[s]), iou(second, truth[o])
                if (
                    i != j
                    and min(fit) >= 0.5
                    and (labels[i], labels[j]) == (classes[s], classes[o])
                ):
                    found.setdefault((i, j), []).append((fit[0] * fit[1], predicate))
    return labels, {
        pair: {p for strength, p in of_pair if strength == max(of_pair)[0]}
        for pair, of_pair in found.items()
    }


def random_detections(graph, generator, num=12):
    """Boxes near annotated ones: most match one, some several, some none."""
    truth = graph.objects.bboxes
    chosen = truth[torch.randint(len(truth), (num,), generator=generator)]
    return chosen + 2 * torch.randn(num, 4, generator=generator)


@pytest.mark.parametrize('seed', range(20))
def test_assignment_equals_the_loops(seed):
    generator = torch.Generator().manual_seed(seed)
    graph = random_scene_graph(
        generator, num_objects=5, num_relations=8, num_classes=NUM_CLASSES, image_size=48
    )
    bboxes = random_detections(graph, generator)
    assigned = GraphAssigner()(bboxes, graph, NUM_CLASSES)
    labels, found = naive_assignment(bboxes, graph)
    assert assigned.objects.labels.tolist() == labels
    pairs = [tuple(pair) for pair in assigned.relations.pairs.tolist()]
    assert sorted(pairs) == sorted(found)
    for pair, predicate in zip(pairs, assigned.relations.labels.tolist()):
        assert predicate in found[pair]


def test_the_seeds_have_relations_background_and_doubles():
    counts = torch.zeros(3)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        graph = random_scene_graph(
            generator, num_objects=5, num_relations=8, num_classes=NUM_CLASSES, image_size=48
        )
        labels, found = naive_assignment(random_detections(graph, generator), graph)
        counts += torch.tensor([NUM_CLASSES in labels, len(found) > 0, len(found) > 8])
    assert (counts >= 5).all()


@pytest.mark.parametrize('num_objects, num_detections', [(0, 3), (3, 0), (0, 0)])
def test_nothing_annotated_or_detected(num_objects, num_detections):
    boxes = torch.tensor([0.0, 0, 8, 8])
    graph = SceneGraph(
        objects=InstanceData(
            bboxes=boxes.expand(num_objects, 4), labels=torch.zeros(num_objects, dtype=torch.long)
        ),
        relations=InstanceData(
            pairs=torch.zeros(0, 2, dtype=torch.long), labels=torch.zeros(0, dtype=torch.long)
        ),
    )
    if num_objects:
        graph.relations = InstanceData(pairs=torch.tensor([[0, 1]]), labels=torch.tensor([2]))
    assigned = GraphAssigner()(boxes.expand(num_detections, 4), graph, 5)
    assert assigned.objects.labels.tolist() == [5] * num_detections
    assert assigned.relations.pairs.shape == (0, 2)
    assert len(assigned.relations.labels) == 0


def test_a_box_is_not_related_to_itself():
    box = torch.tensor([[0.0, 0, 8, 8]])
    graph = SceneGraph(
        objects=InstanceData(bboxes=box.expand(2, 4), labels=torch.tensor([1, 1])),
        relations=InstanceData(pairs=torch.tensor([[0, 1]]), labels=torch.tensor([3])),
    )
    assert GraphAssigner()(box, graph, 5).num_relations == 0
    doubled = GraphAssigner()(box.expand(2, 4), graph, 5)
    assert doubled.relations.pairs.tolist() == [[0, 1], [1, 0]]
    assert doubled.relations.labels.tolist() == [3, 3]
