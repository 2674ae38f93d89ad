import json

import networkx as nx
import pytest
import torch

from mmsgp.apis import (
    describe_graph,
    save_graph,
    tabulate_relations,
    to_networkx,
)
from mmsgp.testing.graphs import random_prediction, random_scene_graph

CLASSES = ('dog', 'cat: big', 'man "Bo"', 'tree', 'sky')
PREDICATES = ('on', 'next to', 'of', 'in')


@pytest.fixture
def graph():
    return random_prediction(torch.Generator().manual_seed(1), num_relations=8)


def test_a_graph_is_described_in_names_and_numbers(graph):
    plain = describe_graph(graph, CLASSES, PREDICATES)
    for item, box, label in zip(
        plain['objects'], graph.objects.bboxes, graph.objects.labels, strict=True
    ):
        assert item['bbox'] == pytest.approx(box.tolist(), abs=0.005)
        assert item['name'] == CLASSES[label] and item['label'] == label
    for item, pair, label, score in zip(
        plain['relations'],
        graph.relations.pairs,
        graph.relations.labels,
        graph.relations.scores,
        strict=True,
    ):
        assert [item['subject'], item['object']] == pair.tolist()
        assert item['predicate'] == PREDICATES[label - 1]
        assert item['score'] == pytest.approx(score.item(), abs=1e-6)
    assert json.loads(json.dumps(plain)) == plain


def test_the_best_relations_are_kept(graph):
    assert len(describe_graph(graph, CLASSES, PREDICATES, topk=3)['relations']) == 3
    limit = graph.relations.scores[4].item()
    kept = describe_graph(graph, CLASSES, PREDICATES, score_thr=limit - 1e-5)
    assert len(kept['relations']) == 5
    assert len(kept['objects']) == graph.num_objects


def test_an_annotated_graph_has_no_scores():
    graph = random_scene_graph(torch.Generator().manual_seed(0))
    plain = describe_graph(graph, CLASSES, PREDICATES, score_thr=0.9)
    assert len(plain['relations']) == graph.num_relations
    assert not any('score' in item for item in plain['objects'] + plain['relations'])


def triplets(graph):
    """Sorted (subject, predicate, object) of a described graph."""
    names = [item['name'] for item in graph['objects']]
    return sorted(
        (names[r['subject']], r['predicate'], names[r['object']]) for r in graph['relations']
    )


def edges(graph):
    """The same for a graph of networkx."""
    return sorted(
        (graph.nodes[s]['label'], data['label'], graph.nodes[o]['label'])
        for s, o, data in graph.edges(data=True)
    )


def unquote(text):
    """A text of a DOT file without its optional quotation marks."""
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text


@pytest.mark.parametrize('suffix', ['json', 'graphml', 'dot'])
def test_written_graphs_are_read_back(tmp_path, graph, suffix):
    plain = describe_graph(graph, CLASSES, PREDICATES)
    path = tmp_path / 'folder' / f'graph.{suffix}'
    save_graph(plain, path)
    if suffix == 'json':
        assert json.loads(path.read_text()) == plain
        return
    if suffix == 'graphml':
        read = nx.read_graphml(path, force_multigraph=True)
        x1 = read.nodes['0']['x1']
        assert x1 == pytest.approx(plain['objects'][0]['bbox'][0])
        assert edges(read) == triplets(plain)
        return
    read = nx.nx_pydot.read_dot(path)
    assert sorted(tuple(map(unquote, edge)) for edge in edges(read)) == triplets(plain)


def test_objects_of_the_same_class_are_numbered(graph):
    graph.objects.labels[:] = torch.tensor([0, 3, 0, 0, 4])
    graph.relations.pairs[:3] = torch.tensor([[4, 0], [3, 1], [0, 3]])
    plain = describe_graph(graph, CLASSES, PREDICATES, topk=3)
    words = [(subject, object_) for subject, _, object_, _ in tabulate_relations(plain)]
    assert words == [('sky', 'dog 1'), ('dog 2', 'tree'), ('dog 1', 'dog 2')]


def test_several_relations_of_a_pair_are_kept(graph):
    graph.relations.pairs[:] = torch.tensor([0, 1])
    plain = describe_graph(graph, CLASSES, PREDICATES)
    assert to_networkx(plain).number_of_edges(0, 1) == 8


def test_an_unknown_suffix_is_refused(tmp_path, graph):
    plain = describe_graph(graph, CLASSES, PREDICATES)
    with pytest.raises(ValueError, match=r'a.txt.*\.json.*\.graphml.*\.dot'):
        save_graph(plain, tmp_path / 'a.txt')


def test_nan_is_not_written_as_json(tmp_path):
    graph = dict(objects=[dict(id=0, score=float('nan'))], relations=[])
    with pytest.raises(ValueError, match='graph.json'):
        save_graph(graph, tmp_path / 'graph.json')
    assert not list(tmp_path.iterdir())
