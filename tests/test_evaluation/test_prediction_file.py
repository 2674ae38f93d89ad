"""Predictions on disk."""

import copy

import h5py
import numpy as np
import pytest
import torch

from mmsgp.evaluation import (
    DumpPredictions,
    PredictionFile,
    PredictionWriter,
    SceneGraphMetric,
)
from mmsgp.structures.ranking import (
    RANKINGS,
    pair_weights,
    relation_scores,
)
from mmsgp.testing.graphs import (
    predicted_sample,
    random_prediction,
    random_scene_graph,
)

META = dict(
    classes=tuple('vwxyz'),
    predicates=('on', 'has', 'wears', 'näht'),
    predicate_train_counts=[9, 8, 2, 1],
)


def make_samples(num_images):
    """Two tasks; images without objects, relations or predictions too."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for i in range(num_images):
        num_objects = i % 6
        gt = random_scene_graph(generator, num_objects=num_objects)
        gt.relations.unseen = torch.rand(gt.num_relations, generator=generator) < 0.3
        preds = {}
        for task in ('sgcls', 'sggen'):
            pred = random_prediction(generator, gt, num_relations=0 if i % 7 == 3 else 25)
            pred.relations.distribution = torch.rand(pred.num_relations, 5, generator=generator)
            preds[task] = pred
        samples.append(predicted_sample(i, gt, **preds))
    return samples


def evaluate(samples, meta=META, **kwargs):
    metric = SceneGraphMetric(classwise=False, **kwargs)
    metric.dataset_meta = meta
    for sample in samples:
        metric.process({}, [sample])
    return metric.evaluate(0)


def write(path, samples, **kwargs):
    with PredictionWriter(path, META, **kwargs) as writer:
        for sample in samples:
            writer.write(sample.to_dict())
    return PredictionFile(path)


@pytest.mark.parametrize('num_images', [1, 64, 150])
def test_graphs_come_back_as_they_were(tmp_path, num_images):
    samples = make_samples(num_images)
    kept = write(tmp_path / 'p.h5', samples)
    assert len(kept) == num_images
    for sample, read in zip(samples, kept, strict=True):
        assert (read['img_id'], read['img_path']) == (sample.img_id, sample.img_path)
        graphs = dict(sample.pred_scene_graphs, annotated=sample.gt_scene_graph)
        others = dict(read['pred_scene_graphs'], annotated=read['gt_scene_graph'])
        assert graphs.keys() == others.keys()
        for name, graph in graphs.items():
            for part in ('objects', 'relations'):
                for field, value in others[name][part].items():
                    expected = getattr(graph, part)[field]
                    assert torch.equal(value.to(expected.dtype), expected)
                assert 'bboxes' in others[name]['objects']
                assert 'scores' in others['sggen'][part]
        kept_entries = others['sggen'].get('unconstrained', dict(rows=()))
        assert len(kept_entries['rows']) == min(100, 4 * graphs['sggen'].num_relations)


def test_kept_predictions_have_the_same_metrics(tmp_path):
    samples = make_samples(100)
    kept = write(tmp_path / 'p.h5', samples)
    for options in ({}, dict(iou_thr=0.7, topk=(3, 'all'), groups=(8, 2))):
        expected = evaluate([s.to_dict() for s in samples], **options)
        assert repr(evaluate(kept, kept.meta, **options)) == repr(expected)
    assert kept.meta == {key: list(value) for key, value in META.items()}


def test_kept_predictions_are_ranked_by_their_weights(tmp_path):
    samples = make_samples(20)
    unweighted = evaluate([sample.to_dict() for sample in samples])
    generator = torch.Generator().manual_seed(1)
    for sample in samples:
        for graph in sample.pred_scene_graphs.values():
            graph.relations.weights = torch.rand(graph.num_relations, generator=generator)
    metrics = evaluate(write(tmp_path / 'p.h5', samples))
    assert repr(metrics) == repr(evaluate([s.to_dict() for s in samples]))
    changed = {name for name in metrics if metrics[name] != unweighted[name]}
    assert 'sgcls/ng-R@20' in changed
    assert all('/ng-' in name for name in changed)


def test_the_number_of_unconstrained_predictions_is_kept(tmp_path):
    kept = write(tmp_path / 'p.h5', make_samples(3), ng_limit=7)
    assert kept.ng_limit == 7
    assert len(list(kept)[2]['pred_scene_graphs']['sgcls']['unconstrained']['rows']) == 7


def test_predictions_without_probabilities_are_kept(tmp_path):
    samples = make_samples(5)
    for sample in samples:
        for graph in sample.pred_scene_graphs.values():
            del graph.relations.distribution
    metrics = evaluate(write(tmp_path / 'p.h5', samples))
    assert not any('ng-' in name for name in metrics)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / 'p.h5'
    with pytest.raises(FileNotFoundError, match='p.h5.*--out'):
        PredictionFile(path)
    path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match='p.h5 is not an HDF5'):
        PredictionFile(path)
    with h5py.File(path, 'w') as file:
        file['labels'] = np.zeros(3)
    with pytest.raises(ValueError, match="p.h5 .*'format'"):
        PredictionFile(path)
    with pytest.raises(ValueError, match=r"end with .h5, got 'a.json'"):
        DumpPredictions('a.json')


def test_a_dump_without_images_is_empty(tmp_path):
    dump = DumpPredictions(str(tmp_path / 'p.h5'))
    assert dump.evaluate(0) == {}
    assert list(PredictionFile(tmp_path / 'p.h5')) == []


def test_images_with_other_tasks_or_fields_are_refused(tmp_path):
    samples = make_samples(9)
    del samples[7].pred_scene_graphs['sgcls'].relations.scores
    with pytest.raises(ValueError, match=r'image 7 \(7.jpg\): sgcls/relations'):
        write(tmp_path / 'p.h5', samples)
    samples = make_samples(9)
    del samples[7].pred_scene_graphs['sgcls']
    with pytest.raises(ValueError, match='image 7 .*: tasks is'):
        write(tmp_path / 'q.h5', samples)
    samples = make_samples(9)
    del samples[8].pred_scene_graphs['sgcls'].relations.distribution
    with pytest.raises(ValueError, match='image 8 .*: sgcls/unconstrained is'):
        write(tmp_path / 'r.h5', samples)


def test_probabilities_may_begin_late(tmp_path):
    samples = make_samples(140)
    nothing = random_prediction(torch.Generator(), num_objects=3, num_relations=0)
    for sample in samples[:70]:
        for task in ('sgcls', 'sggen'):
            sample.pred_scene_graphs[task] = nothing
    for sample in samples[130:]:
        sample.pred_scene_graphs = dict(sgcls=nothing, sggen=nothing)
    kept = write(tmp_path / 'p.h5', samples)
    assert repr(evaluate(kept)) == repr(evaluate([sample.to_dict() for sample in samples]))


@pytest.mark.parametrize('key', ['meta', 'counts', 'middle'])
def test_damage_is_named(tmp_path, key):
    path = tmp_path / 'p.h5'
    write(path, make_samples(70)).close()
    if key == 'middle':
        data = bytearray(path.read_bytes())
        data[len(data) // 3 : len(data) // 3 + 4000] = bytes(4000)
        path.write_bytes(data)
    else:
        with h5py.File(path, 'a') as file:
            if key == 'meta':
                del file.attrs['meta']
            else:
                del file['sgcls/objects/bboxes']
                file['sgcls/objects/bboxes'] = np.zeros((3, 4))
    with pytest.raises(ValueError, match='p.h5 is (damaged|not an HDF5)'):
        for sample in PredictionFile(path):
            assert sample['gt_scene_graph']['objects']['bboxes'].shape[1] == 4


def test_there_are_no_other_images(tmp_path):
    kept = write(tmp_path / 'p.h5', make_samples(3))
    assert kept[2]['img_id'] == 2
    for index in (-1, 3):
        with pytest.raises(IndexError, match='has 3 images'):
            kept[index]


def scored_samples(num_images):
    """Samples with the numbers that every order needs, in each order."""
    samples = make_samples(num_images)
    generator = torch.Generator().manual_seed(2)
    for sample in samples:
        for graph in sample.pred_scene_graphs.values():
            # As a head predicts them: each pair once, pairs ascending.
            relations = graph.relations
            pairs = {tuple(pair): i for i, pair in enumerate(relations.pairs.tolist())}
            relations = relations[
                torch.tensor([pairs[pair] for pair in sorted(pairs)], dtype=torch.long)
            ]
            relations.distribution = relations.distribution.softmax(dim=1)
            relations.predicate_scores, best = relations.distribution[:, 1:].max(dim=1)
            relations.labels = best + 1
            relations.significance = torch.rand(len(relations), generator=generator).double()
            graph.relations = relations
    orders = {}
    for rank_by in RANKINGS:
        orders[rank_by] = copy.deepcopy(samples)
        for sample in orders[rank_by]:
            for graph in sample.pred_scene_graphs.values():
                relations = graph.relations
                objects = graph.objects.scores.double()[relations.pairs].prod(1)
                scores = relation_scores(
                    rank_by, objects, relations.predicate_scores.double(), relations.significance
                )
                relations.scores = scores.float()
                relations.weights = pair_weights(rank_by, objects, relations.significance).float()
                graph.relations = relations[scores.argsort(descending=True, stable=True)]
    return orders


@pytest.mark.parametrize('written', ['significance', 'both'])
def test_every_order_is_evaluated_from_one_file(tmp_path, written):
    orders = scored_samples(80)
    write(tmp_path / 'p.h5', orders[written])
    results = {}
    for rank_by, samples in orders.items():
        kept = PredictionFile(tmp_path / 'p.h5', rank_by)
        results[rank_by] = evaluate(kept, kept.meta, topk=(3, 20))
        expected = evaluate([sample.to_dict() for sample in samples], topk=(3, 20))
        assert repr(results[rank_by]) == repr(expected)
    for key in ('sgcls/R@3', 'sgcls/ng-R@3'):  # the orders do differ
        assert len({metrics[key] for metrics in results.values()}) > 2


def test_a_file_that_is_written_again_keeps_every_order(tmp_path):
    """As the parts of several processes are, when they are put together."""
    write(tmp_path / 'p.h5', scored_samples(20)['both'])
    with PredictionWriter(tmp_path / 'q.h5', META) as writer:
        for sample in PredictionFile(tmp_path / 'p.h5'):
            writer.write(sample)
    for rank_by in (None, *RANKINGS):
        first, second = (
            evaluate(PredictionFile(tmp_path / name, rank_by), topk=(3, 20))
            for name in ('p.h5', 'q.h5')
        )
        assert repr(first) == repr(second)


def test_an_order_that_the_file_cannot_give_is_refused(tmp_path):
    write(tmp_path / 'p.h5', make_samples(3))
    with pytest.raises(ValueError, match=r"p\.h5.*'both'.*significance"):
        list(PredictionFile(tmp_path / 'p.h5', 'both'))
    with pytest.raises(ValueError, match="rank_by.*'luck'"):
        PredictionFile(tmp_path / 'p.h5', 'luck')[2]
