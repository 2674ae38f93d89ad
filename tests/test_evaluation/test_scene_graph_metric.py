from __future__ import annotations

import csv
import json
import pickle
from unittest.mock import MagicMock

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub
from mmengine.structures import InstanceData

from helpers.graphs import make_graph, row_of_boxes
from mmsgp.evaluation import NO_HIT, SceneGraphMetric
from mmsgp.registry import METRICS
from mmsgp.structures import SceneGraph
from mmsgp.testing.graphs import (
    permuted,
    predicted_sample,
    random_prediction,
    random_scene_graph,
)

META = dict(predicates=('on', 'has', 'riding', 'wearing'), predicate_train_counts=[70, 10, 0, 90])
ON, HAS, RIDING, WEARING = 1, 2, 3, 4


def graph(*relations: tuple[int, int, int], predicted: bool = False):
    """A graph over five objects of different classes, side by side.

    Relations are (subject, predicate, object), best first when predicted.
    """
    scores = dict(scores=1 / (1 + torch.arange(len(relations)))) if predicted else {}
    return make_graph(row_of_boxes(5), range(5), relations, **scores)


def predicted(*relations):
    return graph(*relations, predicted=True)


def worked_samples():
    """Four images; tests say what follows from them.

    image 0: on found first, on found fourth, has found second
    image 1: on found first, riding missed
    image 2: no relation
    image 3: has missed, for nothing is predicted
    """
    return [
        predicted_sample(
            0,
            graph((0, ON, 1), (2, ON, 3), (0, HAS, 4)),
            sgcls=predicted((0, ON, 1), (0, HAS, 4), (1, ON, 0), (2, ON, 3)),
        ),
        predicted_sample(
            1, graph((0, ON, 1), (1, RIDING, 2)), sgcls=predicted((0, ON, 1), (1, ON, 2))
        ),
        predicted_sample(2, graph(), sgcls=predicted((0, ON, 1))),
        predicted_sample(3, graph((0, HAS, 1)), sgcls=predicted()),
    ]


# Of image 0: R@1 = 1/3, R@2 = 2/3, R@all = 1. Of image 1: 1/2 for all K. Of
# image 3: 0. Image 2 is left out. Hence R@1 = (1/3 + 1/2 + 0) / 3, and so on.
# On: image 0 has 1/2, 1/2, 1 and image 1 has 1. Has: image 0 has 0, 1, 1 and
# image 3 has 0. Riding: 0. Wearing is left out.
# mR@1 = (3/4 + 0 + 0) / 3, mR@2 = (3/4 + 1/2 + 0) / 3,
# mR@all = (1 + 1/2 + 0) / 3.
WORKED_METRICS = {
    'sgcls/R@1': 100 * 5 / 18,
    'sgcls/R@2': 100 * 7 / 18,
    'sgcls/R@all': 100 / 2,
    'sgcls/mR@1': 100 / 4,
    'sgcls/mR@2': 100 * 5 / 12,
    'sgcls/mR@all': 100 / 2,
}


def evaluate(samples: list, meta: dict = META, **kwargs) -> dict[str, float]:
    """R and mR, or others, as the Runner computes them."""
    evaluator = Evaluator(
        METRICS.build({**dict(type='SceneGraphMetric', metric=('R', 'mR')), **kwargs})
    )
    evaluator.dataset_meta = meta
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


@pytest.fixture
def printed(monkeypatch):
    """What the metric logs."""
    lines = []
    monkeypatch.setattr(
        'mmsgp.evaluation.metrics.scene_graph_metric.print_log',
        lambda message, logger: lines.append(message),
    )
    return lines


def test_metrics_worked_on_paper():
    metrics = evaluate(worked_samples(), topk=(1, 2, 'all'))
    assert metrics == pytest.approx(WORKED_METRICS, rel=1e-14)
    assert all(type(value) is float for value in metrics.values())


def test_tasks_have_keys_of_their_own():
    samples = worked_samples()
    for sample in samples:
        gt = sample.gt_scene_graph
        scores = torch.ones(gt.num_relations)
        perfect = SceneGraph(
            objects=gt.objects,
            relations=InstanceData(
                pairs=gt.relations.pairs, labels=gt.relations.labels, scores=scores
            ),
        )
        sample.pred_scene_graphs = dict(predcls=perfect, sggen=sample.pred_scene_graphs['sgcls'])
    metrics = evaluate(samples)
    assert set(metrics) == {
        f'{task}/{name}@{k}'
        for task in ('predcls', 'sggen', 'phrdet')
        for name in ('R', 'mR')
        for k in (20, 50, 100, 'all')
    }
    assert metrics['predcls/mR@20'] == metrics['predcls/R@all'] == 100
    assert metrics['sggen/R@20'] == pytest.approx(50)


def test_a_prefix_tells_two_metrics_apart():
    metrics = evaluate(worked_samples(), topk=[1], prefix='strict')
    assert set(metrics) == {'strict/sgcls/R@1', 'strict/sgcls/mR@1'}


def test_only_the_best_prediction_of_a_pair_counts():
    # The second prediction for (0, 1) is dropped, so that `has` moves up.
    sample = predicted_sample(
        0, graph((0, HAS, 1), (0, HAS, 2)), sgcls=predicted((0, ON, 1), (0, HAS, 1), (0, HAS, 2))
    )
    metrics = evaluate([sample], topk=(2, 'all'))
    assert metrics['sgcls/R@2'] == 50
    assert metrics['sgcls/R@all'] == 50


def test_iou_threshold_is_an_option():
    sample = predicted_sample(0, graph((0, ON, 1)), sgcls=predicted((0, ON, 1)))
    boxes = sample.pred_scene_graphs['sgcls'].objects.bboxes
    boxes[:, 2] -= 3  # 7 of 10 pixels remain
    sample.pred_scene_graphs['sgcls'].objects.bboxes = boxes
    assert evaluate([sample], iou_thr=0.69)['sgcls/R@20'] == 100
    assert evaluate([sample], iou_thr=0.71)['sgcls/R@20'] == 0


def test_permuting_images_or_objects_changes_no_digit():
    generator = torch.Generator().manual_seed(0)
    samples, others = [], []
    for img_id in range(40):
        gt = random_scene_graph(generator, num_relations=img_id % 7)
        pred = random_prediction(generator, gt, num_relations=30)
        samples.append(predicted_sample(img_id, gt, sgcls=pred))
        others.append(
            predicted_sample(img_id, permuted(gt, generator), sgcls=permuted(pred, generator))
        )
    expected = evaluate(samples, topk=(2, 5, 'all'))
    for _ in range(3):
        order = torch.randperm(len(others), generator=generator).tolist()
        assert evaluate([others[i] for i in order], topk=(2, 5, 'all')) == expected


def test_files_hold_every_metric_and_every_predicate(tmp_path):
    metrics = evaluate(worked_samples(), topk=(1, 2, 'all'), output_dir=str(tmp_path / 'new'))
    folder = tmp_path / 'new'
    assert sorted(path.name for path in folder.iterdir()) == [
        'metrics.json',
        'metrics_sgcls.csv',
        'per_class_recall_sgcls.csv',
        'ranks.npz',
    ]
    written = json.loads((folder / 'metrics.json').read_text())
    assert {key: written.pop(key) for key in metrics} == metrics
    assert written == dict(
        num_images=3, num_images_without_relations=1, absent_predicates=['wearing']
    )

    table = (folder / 'metrics_sgcls.csv').read_text().splitlines()
    assert table[0] == 'metric,@1,@2,@all'
    assert [row.split(',')[0] for row in table[1:]] == ['R', 'mR']
    assert table[2].startswith('mR,25.0,41.66')

    table = (folder / 'per_class_recall_sgcls.csv').read_text()
    assert table.splitlines() == [
        'predicate_id,predicate,train_count,num_gt,recall@1,recall@2,recall@all',
        '4,wearing,90,0,,,',
        '1,on,70,3,75.0,75.0,100.0',
        '2,has,10,2,0.0,50.0,50.0',
        '3,riding,0,1,0.0,0.0,0.0',
    ]


def test_csv_has_the_default_columns_and_breaks_ties_by_number(tmp_path):
    meta = dict(META, predicate_train_counts=[5, 9, 5, 9])
    evaluate(worked_samples(), meta, output_dir=str(tmp_path))
    with open(tmp_path / 'per_class_recall_sgcls.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        'predicate_id',
        'predicate',
        'train_count',
        'num_gt',
        'recall@20',
        'recall@50',
        'recall@100',
        'recall@all',
    ]
    assert [row['predicate_id'] for row in rows] == ['2', '4', '1', '3']


def test_no_files_without_an_output_dir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate(worked_samples())
    assert list(tmp_path.iterdir()) == []


def test_prints_the_recall_of_tasks_and_predicates(printed):
    evaluate(worked_samples(), topk=(1, 2, 'all'))
    lines = [line.split() for line in printed[0].splitlines()]
    assert ['predicate', 'group', 'train', 'gt', 'R@1', 'R@2', 'R@all'] in lines
    start = lines.index(['wearing', 'head', '90', '0', '-', '-', '-'])
    assert lines[start + 1 : start + 4] == [
        ['on', 'head', '70', '3', '75.00', '75.00', '100.00'],
        ['has', 'body', '10', '2', '0.00', '50.00', '50.00'],
        ['riding', 'tail', '0', '1', '0.00', '0.00', '0.00'],
    ]
    assert ['metric', '@1', '@2', '@all'] in lines
    assert ['R', '27.78', '38.89', '50.00', 'recall'] in lines
    assert ['mR', '25.00', '41.67', '50.00', 'mean', 'recall', 'over', 'predicates'] in lines
    assert 'Evaluated 3 images; skipped 1 ' in printed[0]
    assert '1 of 4 (wearing)' in printed[0]


def test_the_table_of_predicates_can_be_left_out(printed):
    evaluate(worked_samples(), classwise=False)
    assert 'sgcls' in printed[0]
    assert 'riding' not in printed[0]


def test_training_counts_may_be_unknown(tmp_path, printed):
    evaluate(worked_samples(), dict(predicates=META['predicates']), output_dir=str(tmp_path))
    with open(tmp_path / 'per_class_recall_sgcls.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['predicate'] for row in rows] == list(META['predicates'])
    assert {row['train_count'] for row in rows} == {'0'}
    assert "'predicate_train_counts'" in printed[0]


def test_an_image_costs_a_few_bytes():
    generator = torch.Generator().manual_seed(0)
    gt = random_scene_graph(generator, 64, 20)
    pred = random_prediction(generator, gt, num_relations=4000)
    pred.relations.distribution = torch.rand(pred.num_relations, 51)
    metric = SceneGraphMetric()
    for i in range(100):
        metric.process(None, [predicted_sample(i, gt, sgcls=pred).to_dict()])
    assert len(metric.results) == 100
    assert len(pickle.dumps(metric.results)) < 100 * 1000
    for ranks in vars(metric.results[0].tasks['sgcls']).values():
        assert ranks.dtype == 'int32'
        assert ranks.max() <= NO_HIT


@pytest.mark.parametrize('value', ['nan', 'inf', '-inf'])
@pytest.mark.parametrize('field', ['scores', 'bboxes'])
def test_numbers_that_are_not_finite_are_refused(field, value):
    pred = predicted((0, ON, 1), (0, HAS, 1))
    if field == 'scores':
        pred.relations.scores[1] = float(value)
    else:
        pred.objects.bboxes[1, 2] = float(value)
    sample = predicted_sample(7, graph((0, ON, 1)), sggen=pred)
    with pytest.raises(ValueError, match=rf'sggen prediction of image 7 \(7\.jpg\) .*{field[1:]}'):
        evaluate([sample])


def test_relations_that_are_not_sorted_are_refused():
    pred = predicted((0, ON, 1), (0, HAS, 1))
    pred.relations.scores = pred.relations.scores.flip(0)
    with pytest.raises(ValueError, match='sgcls .* image 7 .* not sorted'):
        evaluate([predicted_sample(7, graph((0, ON, 1)), sgcls=pred)])


def test_rounding_may_disturb_the_order_of_scores():
    pred = predicted((0, ON, 1), (0, HAS, 2))
    pred.relations.scores = torch.tensor([0.5, 0.5]).nextafter(torch.tensor([0.0, 1.0]))
    sample = predicted_sample(7, graph((0, ON, 1)), sgcls=pred)
    assert evaluate([sample])['sgcls/R@20'] == 100


@pytest.mark.parametrize('index', [-1, 5])
def test_relations_of_objects_that_do_not_exist_are_refused(index):
    pred = predicted((0, ON, 1), (index, ON, 1))
    with pytest.raises(ValueError, match='image 7 .* has 5 objects'):
        evaluate([predicted_sample(7, graph((0, ON, 1)), sgcls=pred)])


def test_a_sample_without_predictions_is_refused():
    sample = predicted_sample(7, graph((0, ON, 1)))
    with pytest.raises(KeyError, match="'pred_scene_graphs'.* image 7 "):
        evaluate([sample])
    del sample.pred_scene_graphs
    with pytest.raises(KeyError, match="'pred_scene_graphs'.* image 7 "):
        evaluate([sample])


def test_images_with_different_tasks_are_refused():
    gt, pred = graph((0, ON, 1)), predicted((0, ON, 1))
    with pytest.raises(ValueError, match="image 7 .*'sggen'.* image 8 "):
        evaluate([predicted_sample(7, gt, sgcls=pred), predicted_sample(8, gt, sggen=pred)])


def test_a_split_without_relations_is_refused():
    with pytest.raises(ValueError, match='None of the 1 evaluated images'):
        evaluate([worked_samples()[2]])


@pytest.mark.parametrize(
    ('meta', 'error', 'message'),
    [
        (None, KeyError, "needs 'predicates'"),
        (dict(classes=('cat',)), KeyError, "which has \\['classes'\\]"),
        (dict(predicates=('on',)), ValueError, r'predicates 1..2 of image 0 .* 1\.\.1'),
        (
            dict(META, predicate_train_counts=[1]),
            ValueError,
            "1 'predicate_train_counts' for 4 'predicates'",
        ),
    ],
)
def test_meta_information_must_fit(meta, error, message):
    with pytest.raises(error, match=message):
        evaluate(worked_samples(), meta)


@pytest.mark.parametrize('k', [0, -1, 'every', 2.5])
def test_thresholds_must_be_numbers_or_all(k):
    with pytest.raises(ValueError, match=f'got {k!r}'):
        SceneGraphMetric(topk=(20, k))


def test_the_best_checkpoint_can_be_chosen_by_a_metric(tmp_path):
    hook = CheckpointHook(save_best='sgcls/mR@100', rule='greater')
    runner = MagicMock(
        work_dir=str(tmp_path), epoch=3, message_hub=MessageHub.get_instance('test_best_checkpoint')
    )
    hook.before_train(runner)
    hook.after_val_epoch(runner, evaluate(worked_samples()))
    name = runner.save_checkpoint.call_args.kwargs['filename']
    assert name == 'best_sgcls_mR@100_epoch_3.pth'
