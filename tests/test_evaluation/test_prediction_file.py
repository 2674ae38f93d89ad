"""Predictions on disk."""
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
from mmsgp.testing.graphs import (
    predicted_sample,
    random_prediction,
    random_scene_graph,
)

META = dict(classes=tuple('vwxyz'), predicates=('on', 'has', 'wears', 'näht'),
            predicate_train_counts=[9, 8, 2, 1])


def make_samples(num_images):
    """Two tasks; images without objects, relations or predictions too."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for i in range(num_images):
        num_objects = i % 6
        gt = random_scene_graph(generator, num_objects=num_objects)
        gt.relations.unseen = torch.rand(
            gt.num_relations, generator=generator) < .3
        preds = {}
        for task in ('sgcls', 'sggen'):
            pred = random_prediction(
                generator, gt, num_relations=0 if i % 7 == 3 else 25)
            pred.relations.distribution = torch.rand(
                pred.num_relations, 5, generator=generator)
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
        assert (read['img_id'], read['img_path']) == (
            sample.img_id, sample.img_path)
        graphs = dict(sample.pred_scene_graphs, annotated=sample.gt_scene_graph)
        others = dict(read['pred_scene_graphs'],
                      annotated=read['gt_scene_graph'])
        assert graphs.keys() == others.keys()
        for name, graph in graphs.items():
            for part in ('objects', 'relations'):
                for field, value in others[name][part].items():
                    expected = getattr(graph, part)[field]
                    assert torch.equal(value.to(expected.dtype), expected)
                assert 'bboxes' in others[name]['objects']
                assert 'scores' in others['sggen'][part]
        assert len(others['sggen']['unconstrained']['rows']) == min(
            100, 4 * graphs['sggen'].num_relations)


def test_kept_predictions_have_the_same_metrics(tmp_path):
    samples = make_samples(100)
    kept = write(tmp_path / 'p.h5', samples)
    for options in ({}, dict(iou_thr=.7, topk=(3, 'all'), groups=(8, 2))):
        expected = evaluate([s.to_dict() for s in samples], **options)
        assert repr(evaluate(kept, kept.meta, **options)) == repr(expected)
    assert kept.meta == {key: list(value) for key, value in META.items()}


def test_the_number_of_unconstrained_predictions_is_kept(tmp_path):
    kept = write(tmp_path / 'p.h5', make_samples(3), ng_limit=7)
    assert kept.ng_limit == 7
    assert len(list(kept)[2]['pred_scene_graphs']['sgcls']['unconstrained'][
        'rows']) == 7


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
    with pytest.raises(ValueError, match='p.h5 is no HDF5'):
        PredictionFile(path)
    with h5py.File(path, 'w') as file:
        file['labels'] = np.zeros(3)
    with pytest.raises(ValueError, match='p.h5 is no file of predictions'):
        PredictionFile(path)
    with pytest.raises(ValueError, match=r"end with .h5, got 'a.json'"):
        DumpPredictions('a.json')


def test_a_dump_without_images_is_empty(tmp_path):
    dump = DumpPredictions(str(tmp_path / 'p.h5'))
    assert dump.evaluate(0) == {}
    assert list(PredictionFile(tmp_path / 'p.h5')) == []
