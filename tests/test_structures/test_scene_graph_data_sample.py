from __future__ import annotations

import copy
import pickle

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmsgp.structures import SceneGraph, SceneGraphDataSample
from mmsgp.testing.graphs import (
    predicted_sample,
    random_prediction,
    random_scene_graph,
)


@pytest.fixture
def sample() -> SceneGraphDataSample:
    generator = torch.Generator().manual_seed(0)
    gt = random_scene_graph(generator)
    return predicted_sample(
        7,
        gt,
        predcls=random_prediction(generator, gt),
        sggen=random_prediction(generator, num_objects=9),
    )


def test_detection_code_finds_the_objects_as_instances(sample):
    assert isinstance(sample, DetDataSample)
    assert 'gt_instances' in sample
    assert sample.gt_instances is sample.gt_scene_graph.objects
    assert 'gt_instances' not in SceneGraphDataSample()


def test_instances_that_detection_code_sets_are_the_graph_s_objects(sample):
    instances = InstanceData(bboxes=torch.zeros(2, 4), labels=torch.ones(2))
    sample.gt_instances = instances
    assert sample.gt_scene_graph.objects is instances

    without_graph = SceneGraphDataSample(gt_instances=instances)
    assert without_graph.gt_scene_graph.objects is instances


def test_a_dictionary_holds_nested_dictionaries(sample):
    data = sample.to_dict()
    assert data['img_id'] == 7
    assert isinstance(data['gt_scene_graph']['relations'], dict)
    assert data['gt_instances'] is data['gt_scene_graph']['objects']
    assert list(data['pred_scene_graphs']) == ['predcls', 'sggen']
    restored = SceneGraph.from_dict(data['pred_scene_graphs']['sggen'])
    assert torch.equal(restored.triplets, sample.pred_scene_graphs['sggen'].triplets)


def test_a_sample_without_graphs_has_a_dictionary_too():
    assert SceneGraphDataSample(metainfo=dict(img_id=1)).to_dict() == dict(img_id=1)


def test_moving_a_sample_moves_every_graph_and_leaves_the_original(sample):
    # Set through the alias: a separate field would be moved, too.
    sample.gt_instances = sample.gt_instances
    moved = sample.to('meta')
    assert moved.gt_scene_graph.relations.pairs.is_meta
    assert moved.gt_instances.bboxes.is_meta
    for graph in moved.pred_scene_graphs.values():
        assert graph.objects.bboxes.is_meta
        assert graph.relations.scores.is_meta
    assert not sample.gt_instances.bboxes.is_meta
    for graph in sample.pred_scene_graphs.values():
        assert not graph.objects.bboxes.is_meta
    assert moved.img_id == 7


@pytest.mark.parametrize(
    'copied',
    [
        copy.deepcopy,
        lambda sample: pickle.loads(pickle.dumps(sample)),
        lambda sample: sample.numpy().to_tensor(),
        SceneGraphDataSample.clone,
        SceneGraphDataSample.cpu,
        SceneGraphDataSample.detach,
    ],
)
def test_copies_hold_the_same_graphs(sample, copied):
    result = copied(sample)
    assert torch.equal(result.gt_scene_graph.triplets, sample.gt_scene_graph.triplets)
    for task, graph in sample.pred_scene_graphs.items():
        assert torch.equal(result.pred_scene_graphs[task].triplets, graph.triplets)


def test_detaching_a_sample_detaches_its_predictions(sample):
    graph = sample.pred_scene_graphs['sggen']
    graph.relations.scores = graph.relations.scores.requires_grad_()
    detached = sample.detach().pred_scene_graphs['sggen']
    assert not detached.relations.scores.requires_grad


def test_a_graph_can_be_removed(sample):
    del sample.gt_scene_graph
    del sample.pred_scene_graphs
    assert 'gt_scene_graph' not in sample
    assert 'gt_instances' not in sample
    assert 'pred_scene_graphs' not in sample.to_dict()


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('gt_scene_graph', InstanceData()),
        ('pred_scene_graphs', SceneGraph()),
    ],
)
def test_fields_have_types(field, value):
    with pytest.raises(AssertionError, match='should be a'):
        setattr(SceneGraphDataSample(), field, value)
