"""Predictions of other code bases, imported and exported."""

import json
import sys
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
import torch

from helpers.graphs import make_graph, row_of_boxes
from helpers.oracles import iou
from mmsgp.evaluation import PredictionFile, PredictionWriter, SceneGraphMetric
from mmsgp.testing.graphs import all_pairs, predicted_sample, random_scene_graph

NUM_CLASSES, NUM = 5, 4
TOOL = 'analysis_tools/convert_predictions'


@pytest.fixture
def drawn():
    """Annotated graphs, predictions of all pairs, and object scores."""
    generator = torch.Generator().manual_seed(0)
    result = []
    for _ in range(6):
        gt = random_scene_graph(generator, num_relations=5)
        distribution = torch.rand(20, NUM + 1, generator=generator).softmax(1)
        result.append((gt, distribution, torch.rand(5, generator=generator)))
    return result


@pytest.fixture
def sgb(tmp_path, drawn, monkeypatch):
    """``eval_results.pytorch`` as SGB writes it, with its own class."""
    names = 'maskrcnn_benchmark', 'maskrcnn_benchmark.structures'
    for name in (*names, 'maskrcnn_benchmark.structures.bounding_box'):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    module = sys.modules['maskrcnn_benchmark.structures.bounding_box']

    class BoxList:
        pass

    BoxList.__module__, BoxList.__qualname__ = module.__name__, 'BoxList'
    module.BoxList = BoxList

    def boxes(graph, **fields):
        result = BoxList()
        result.bbox, result.size, result.mode = graph.objects.bboxes, (64, 64), 'xyxy'
        result.extra_fields = fields
        return result

    content = dict(groundtruths=[], predictions=[])
    for gt, distribution, scores in drawn:
        relations = torch.cat([gt.relations.pairs, gt.relations.labels[:, None]], 1)
        content['groundtruths'].append(
            boxes(gt, labels=gt.objects.labels + 1, relation_tuple=relations)
        )
        content['predictions'].append(
            boxes(
                gt,
                pred_labels=gt.objects.labels + 1,
                pred_scores=scores,
                rel_pair_idxs=all_pairs(5),
                pred_rel_scores=distribution,
                pred_rel_labels=distribution[:, 1:].argmax(1) + 1,
            )
        )
    torch.save(content, tmp_path / 'eval_results.pytorch')
    dicts = {}
    for kind, number in (('label', NUM_CLASSES), ('predicate', NUM)):
        dicts[f'idx_to_{kind}'] = {str(i): f'{kind} {i}' for i in range(1, number + 1)}
        dicts[f'{kind}_to_idx'] = {name: int(i) for i, name in dicts[f'idx_to_{kind}'].items()}
    (tmp_path / 'dicts.json').write_text(json.dumps(dicts))
    return tmp_path


def expected_recall(drawn, k, ng=False):
    """Of all pairs by the product of the three scores, in loops."""
    shares = []
    for gt, distribution, scores in drawn:
        entries = []
        for (s, o), row in zip(all_pairs(5).tolist(), distribution.tolist()):
            predicates = range(1, NUM + 1) if ng else [int(np.argmax(row[1:])) + 1]
            entries += [(scores[s].item() * scores[o].item() * row[p], s, p, o) for p in predicates]
        first = sorted(entries, reverse=True)[:k]
        boxes, labels = gt.objects.bboxes.tolist(), gt.objects.labels.tolist()

        def same(a, b, boxes=boxes, labels=labels):
            return labels[a] == labels[b] and iou(boxes[a], boxes[b]) >= 0.5

        found = [
            any(p == q and same(s, t) and same(o, u) for _, t, q, u in first)
            for (s, o), p in zip(gt.relations.pairs.tolist(), gt.relations.labels.tolist())
        ]
        shares.append(np.mean(found))
    return 100 * np.mean(shares)


def metrics_of(path, **kwargs):
    file = PredictionFile(path)
    metric = SceneGraphMetric(topk=(5, 20), classwise=False, **kwargs)
    metric.dataset_meta = file.meta
    for sample in file:
        metric.process({}, [sample])
    return metric.evaluate(len(file))


def test_results_of_sgb_are_evaluated(sgb, drawn, run_tool):
    source, out = sgb / 'eval_results.pytorch', sgb / 'sgb.h5'
    run_tool(TOOL, source, out, '--task', 'sgcls', '--names', sgb / 'dicts.json')
    metrics = metrics_of(out)
    for k in (5, 20):
        assert metrics[f'sgcls/R@{k}'] == pytest.approx(expected_recall(drawn, k), rel=1e-6)
        expected = expected_recall(drawn, k, ng=True)
        assert metrics[f'sgcls/ng-R@{k}'] == pytest.approx(expected, rel=1e-6)
    assert PredictionFile(out).meta['predicates'] == [f'predicate {i}' for i in range(1, 5)]


def test_every_analysis_tool_reads_imported_predictions(sgb, run_tool):
    out = sgb / 'sgb.h5'
    run_tool(TOOL, sgb / 'eval_results.pytorch', out, '--names', sgb / 'dicts.json')
    run_tool('analysis_tools/eval_predictions', out, '--out-dir', sgb / 'run', '--preset', 'sgb')
    run_tool(
        'analysis_tools/confusion_matrix', sgb / 'run', '--task', 'sggen', '--out', sgb / 'matrix'
    )
    assert (sgb / 'matrix.png').stat().st_size > 1000
    result = json.loads((sgb / 'run/metrics.json').read_text())
    assert 0 < result['sggen/mR@20'] < 100 and result['sggen/best_threshold'] > 0


def test_code_in_a_file_of_sgb_is_not_run(sgb, run_tool):
    """Neither another class nor a function."""
    for content in (dict(groundtruths=[print], predictions=[print]), Fraction(1, 2)):
        torch.save(content, sgb / 'bad.pytorch')
        with pytest.raises(SystemExit, match='bad.pytorch .*holds code, which is not run'):
            run_tool(TOOL, sgb / 'bad.pytorch', sgb / 'out.h5')
    torch.save(dict(groundtruths=[torch.ones(1)], predictions=[]), sgb / 'bad.pytorch')
    with pytest.raises(SystemExit, match="does not hold SGB's results"):
        run_tool(TOOL, sgb / 'bad.pytorch', sgb / 'out.h5')
    assert not (sgb / 'out.h5').exists()


def test_predictions_go_to_sgbench_and_back(sgb, run_tool):
    out, pred, gt = (sgb / name for name in ('sgb.h5', 'pred.json', 'gt.json'))
    run_tool(TOOL, sgb / 'eval_results.pytorch', out, '--names', sgb / 'dicts.json')
    run_tool(TOOL, out, pred, '--annotations-out', gt)
    run_tool(TOOL, pred, sgb / 'back.h5', '--annotations', gt)
    first, second = metrics_of(out), metrics_of(sgb / 'back.h5')
    for name, value in second.items():
        if name.split('/')[1][:2] in ('R@', 'mR', 'A@'):
            assert value == pytest.approx(first[name], rel=1e-9), name
    assert not any('ng-' in name for name in second)


def test_sgbench_reads_what_is_exported(tmp_path, run_tool):
    """Where no object can be taken for another."""
    sgbench = pytest.importorskip('sgbench.file', reason='see requirements/peers.txt')
    generator = torch.Generator().manual_seed(0)
    with PredictionWriter(
        tmp_path / 'p.h5', dict(classes=list('abcde'), predicates=list('wxyz'))
    ) as writer:
        for i in range(8):
            pairs = all_pairs(5)[torch.randperm(20, generator=generator)]
            labels = torch.randint(1, 5, (20,), generator=generator)
            triplets = torch.column_stack([pairs[:, 0], labels, pairs[:, 1]]).tolist()
            gt = make_graph(row_of_boxes(5), range(5), triplets[:6])
            labels[torch.rand(20, generator=generator) < 0.5] = 1
            order = torch.randperm(20, generator=generator)
            pred = make_graph(
                row_of_boxes(5),
                range(5),
                torch.column_stack([pairs[:, 0], labels, pairs[:, 1]])[order].tolist(),
                scores=torch.linspace(0.9, 0.1, 20),
            )
            pred.objects.scores = torch.ones(5)
            writer.write(predicted_sample(i, gt, sggen=pred).to_dict())
    run_tool(
        TOOL, tmp_path / 'p.h5', tmp_path / 'p.json', '--annotations-out', tmp_path / 'gt.json'
    )
    peer = sgbench.evaluate(tmp_path / 'gt.json', tmp_path / 'p.json')
    file = PredictionFile(tmp_path / 'p.h5')
    metric = SceneGraphMetric(metric=('R', 'mR'), topk=(20,), classwise=False, preset='psg')
    metric.dataset_meta = file.meta
    for sample in file:
        metric.process({}, [sample])
    metrics = metric.evaluate(8)
    assert 10 < metrics['sggen/R@20'] < 90
    assert metrics['sggen/R@20'] == pytest.approx(100 * peer['R@20'], rel=1e-9)
    assert metrics['sggen/mR@20'] == pytest.approx(100 * peer['mR@20'], rel=1e-9)


def test_predictions_of_sgb_on_own_images_are_read(tmp_path, drawn, run_tool):
    gt, distribution, scores = drawn[0]
    background = ['__background__']
    info = dict(
        idx_to_files=['a.jpg'],
        ind_to_classes=background + list('abcde'),
        ind_to_predicates=background + list('wxyz'),
    )
    prediction = {
        '0': dict(
            bbox=gt.objects.bboxes.tolist(),
            bbox_labels=(gt.objects.labels + 1).tolist(),
            bbox_scores=scores.tolist(),
            rel_pairs=all_pairs(5).tolist(),
            rel_labels=(distribution[:, 1:].argmax(1) + 1).tolist(),
            rel_scores=distribution[:, 1:].amax(1).tolist(),
            rel_all_scores=distribution.tolist(),
        )
    }
    source = tmp_path / 'custom_prediction.json'
    source.write_text(json.dumps(prediction))
    (tmp_path / 'custom_data_info.json').write_text(json.dumps(info))
    run_tool(TOOL, source, tmp_path / 'out.h5')
    file = PredictionFile(tmp_path / 'out.h5')
    (sample,) = file
    graph = sample['pred_scene_graphs']['sggen']
    assert (file.meta['predicates'], sample['img_id']) == (list('wxyz'), 'a.jpg')
    assert torch.equal(graph['objects']['labels'].long(), gt.objects.labels)
    products = [
        float(scores[s] * scores[o] * row[1:].max())
        for (s, o), row in zip(all_pairs(5), distribution)
    ]
    assert graph['relations']['scores'].tolist() == pytest.approx(sorted(products, reverse=True))


@pytest.mark.parametrize(
    'content, message',
    [
        ('{"version": 2, "images": []}', "version 1: ValueError.'version is 2'"),
        ('{"images": []}', "version 1: KeyError.'version'"),
        ('{"version": 1, "images": [{"id": "a"}]}', "KeyError.'bboxes'"),
    ],
)
def test_other_json_is_refused(tmp_path, run_tool, content, message):
    (tmp_path / 'p.json').write_text(content)
    (tmp_path / 'gt.json').write_text(
        '{"data": [], "thing_classes": ["a"], "predicate_classes": ["on"]}'
    )
    with pytest.raises(SystemExit, match=f'p.json .*{message}'):
        run_tool(
            TOOL, tmp_path / 'p.json', tmp_path / 'o.h5', '--annotations', tmp_path / 'gt.json'
        )
    with pytest.raises(SystemExit, match='give them with --annotations'):
        run_tool(TOOL, tmp_path / 'p.json', tmp_path / 'o.h5')
