from __future__ import annotations

import copy
import pickle

import pytest
import torch
from mmengine.structures import InstanceData

from mmsgp.structures import SceneGraph
from mmsgp.testing.graphs import random_prediction


@pytest.fixture
def dog_on_a_sofa() -> SceneGraph:
    """Dog 3 on (1) sofa 7, sofa under (2) dog; best first."""
    return SceneGraph(
        metainfo=dict(img_id=5),
        objects=InstanceData(
            bboxes=torch.tensor([[2.0, 1.0, 6.0, 5.0], [0.0, 4.0, 9.0, 9.0]]),
            labels=torch.tensor([3, 7]),
        ),
        relations=InstanceData(
            pairs=torch.tensor([[0, 1], [1, 0]]),
            labels=torch.tensor([1, 2]),
            scores=torch.tensor([0.9, 0.4]),
        ),
    )


def test_triplets_are_classes_around_a_predicate(dog_on_a_sofa):
    assert dog_on_a_sofa.triplets.tolist() == [[3, 1, 7], [7, 2, 3]]
    assert dog_on_a_sofa.num_objects == 2
    assert dog_on_a_sofa.num_relations == 2


def test_a_graph_may_be_empty():
    graph = SceneGraph(
        objects=InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long()),
        relations=InstanceData(pairs=torch.zeros(0, 2).long(), labels=torch.zeros(0).long()),
    )
    assert graph.triplets.shape == (0, 3)
    assert graph.num_objects == graph.num_relations == 0
    assert graph.top(5).num_relations == 0


def test_top_keeps_the_first_relations_and_all_objects(dog_on_a_sofa):
    best = dog_on_a_sofa.top(1)
    assert best.triplets.tolist() == [[3, 1, 7]]
    assert best.relations.scores.tolist() == pytest.approx([0.9])
    assert best.num_objects == 2
    assert best.img_id == 5
    assert dog_on_a_sofa.top(10).num_relations == 2
    assert dog_on_a_sofa.num_relations == 2


def test_a_graph_survives_conversion_to_a_dictionary(dog_on_a_sofa):
    data = dog_on_a_sofa.to_dict()
    assert isinstance(data['objects'], dict)
    restored = SceneGraph.from_dict(data)
    assert_equal(restored, dog_on_a_sofa)
    assert restored.metainfo == dict(img_id=5)


@pytest.mark.parametrize(
    'copied',
    [
        copy.deepcopy,
        lambda graph: pickle.loads(pickle.dumps(graph)),
        lambda graph: graph.numpy().to_tensor(),
        SceneGraph.clone,
        SceneGraph.detach,
    ],
)
def test_copies_hold_the_same(dog_on_a_sofa, copied):
    assert_equal(copied(dog_on_a_sofa), dog_on_a_sofa)


def test_moving_a_graph_moves_all_its_tensors(dog_on_a_sofa):
    moved = dog_on_a_sofa.to('meta')
    assert moved.objects.bboxes.is_meta
    assert moved.relations.pairs.is_meta
    assert moved.relations.scores.is_meta
    assert not dog_on_a_sofa.objects.bboxes.is_meta


@pytest.mark.parametrize('part', ['objects', 'relations'])
def test_parts_must_be_instance_data(part):
    with pytest.raises(AssertionError, match='InstanceData'):
        SceneGraph(**{part: dict(labels=torch.zeros(1))})


def test_relations_can_be_chosen_by_a_mask():
    graph = random_prediction(torch.Generator().manual_seed(0))
    is_on = graph.relations.labels == 1
    assert (graph.relations[is_on].labels == 1).all()


def assert_equal(graph: SceneGraph, expected: SceneGraph) -> None:
    for part in ('objects', 'relations'):
        fields = dict(graph.get(part).items())
        expected_fields = dict(expected.get(part).items())
        assert fields.keys() == expected_fields.keys()
        for key, value in expected_fields.items():
            assert torch.equal(fields[key], value), key
