from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mmsgp.visualization.scene_graph.layout import layout_graph

SIZE = (380.0, 300.0)


def random_graph(seed: int, num_objects: int, num_relations: int) -> dict:
    generator = np.random.default_rng(seed)
    pairs = [(i, j) for i in range(num_objects) for j in range(num_objects) if i != j]
    return dict(
        object_sizes=generator.uniform((30, 17), (70, 17), (num_objects, 2)),
        predicate_sizes=generator.uniform((20, 12), (80, 12), (num_relations, 2)),
        pairs=np.array(pairs)[generator.integers(len(pairs), size=num_relations)],
        anchors=generator.uniform(0, 160, (num_objects, 2)),
    )


def assert_clear(layout, graph: dict, gap: float) -> None:
    """Check that no two rectangles are nearer than ``gap`` in both directions."""
    centers = np.vstack([layout.objects, layout.predicates])
    sizes = np.vstack([graph['object_sizes'], graph['predicate_sizes']])
    assert (centers - sizes / 2 > -1e-6).all()
    assert (centers + sizes / 2 < np.array(layout.size) + 1e-6).all()
    for i, j in combinations(range(len(centers)), 2):
        distance = np.abs(centers[i] - centers[j]) - (sizes[i] + sizes[j]) / 2
        assert distance.max() > gap


@pytest.mark.parametrize(
    'seed, num_objects, num_relations', [(0, 2, 1), (1, 2, 6), (2, 5, 8), (3, 10, 20), (4, 20, 20)]
)
def test_nothing_overlaps_for_up_to_twenty_relations(seed, num_objects, num_relations):
    graph = random_graph(seed, num_objects, num_relations)
    layout = layout_graph(**graph, size=SIZE)
    assert_clear(layout, graph, gap=10)


def test_objects_at_the_same_place_move_apart():
    graph = random_graph(5, 6, 6)
    graph['anchors'][:] = 80
    assert_clear(layout_graph(**graph, size=SIZE), graph, gap=10)


def test_the_same_graph_is_laid_out_the_same_way():
    first, second = (layout_graph(**random_graph(6, 6, 7), size=SIZE) for _ in range(2))
    np.testing.assert_array_equal(first.objects, second.objects)
    np.testing.assert_array_equal(first.predicates, second.predicates)


def test_objects_keep_the_arrangement_they_have_in_the_image():
    anchors = np.array([[0.0, 0], [100, 0], [50, 100]])
    layout = layout_graph(
        np.full((3, 2), (40.0, 17.0)),
        np.full((3, 2), (30.0, 12.0)),
        np.array([[0, 1], [1, 2], [2, 0]]),
        anchors,
        SIZE,
    )
    assert layout.objects[0, 0] < layout.objects[2, 0] < layout.objects[1, 0]
    assert layout.objects[2, 1] > layout.objects[:2, 1].max()


def test_a_lone_relation_runs_straight():
    layout = layout_graph(
        np.full((2, 2), (40.0, 17.0)),
        np.array([[30.0, 12.0]]),
        np.array([[0, 1]]),
        np.array([[0.0, 0], [100, 50]]),
        SIZE,
    )
    np.testing.assert_allclose(layout.predicates[0], layout.objects.mean(axis=0), atol=0.5)


def test_the_relations_of_a_pair_stand_between_its_objects():
    """VRD annotates a pair with up to five predicates; no edge turns back."""
    pairs = np.array([[0, 1]] * 5 + [[3, 2]] * 3 + [[2, 3]] * 2 + [[4, 5], [5, 6]])
    graph = dict(
        object_sizes=np.full((7, 2), (45.0, 17.0)),
        predicate_sizes=np.full((12, 2), (40.0, 12.0)),
        pairs=pairs,
    )
    for seed in range(6):
        anchors = np.random.default_rng(seed).uniform(0, 160, (7, 2))
        layout = layout_graph(**graph, anchors=anchors, size=SIZE)
        assert_clear(layout, graph, gap=10)
        for (subject, object_), label in zip(pairs, layout.predicates):
            start, end = layout.objects[subject], layout.objects[object_]
            assert (label - start) @ (end - start) > 0, 'beyond the subject'
            assert (label - end) @ (start - end) > 0, 'beyond the object'


def test_a_graph_without_objects_fills_the_panel():
    empty = np.empty((0, 2))
    layout = layout_graph(empty, empty, np.empty((0, 2), dtype=int), empty, SIZE)
    assert layout.size == SIZE
