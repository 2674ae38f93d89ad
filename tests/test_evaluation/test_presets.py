"""Protocols of publications, each against its formula in loops."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from helpers.graphs import make_graph, row_of_boxes
from mmsgp.evaluation import NO_HIT, RelationRanks, SceneGraphMetric
from mmsgp.evaluation.functional import (
    GraphArrays,
    evaluate_task,
    relation_nms,
    threshold_curve,
)
from mmsgp.evaluation.functional.open_images import average_precision
from mmsgp.evaluation.image_ranks import PredictionScores
from mmsgp.evaluation.presets import PRESETS
from mmsgp.reporting.comparison import load_runs
from mmsgp.structures import SceneGraph
from mmsgp.testing.graphs import (
    all_pairs,
    predicted_sample,
    random_boxes,
    random_prediction,
    random_scene_graph,
)

NUM = 6
META = dict(predicates=tuple('abcdef'), predicate_train_counts=[3, 50, 20, 0, 9, 9])
TOPK = (3, 10)


def metric(preset, meta=META, **kwargs):
    result = SceneGraphMetric(preset=preset, classwise=False, **{**dict(topk=TOPK), **kwargs})
    result.dataset_meta = meta
    return result


def evaluate(samples, preset, **kwargs):
    one = metric(preset, **kwargs)
    for sample in samples:
        one.process({}, [sample.to_dict()])
    return one.evaluate(len(samples))


def samples_of(seed=0, num_images=25, task='sggen'):
    """Jittered copies of annotations, repeated relations, an image without predictions."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for i in range(num_images):
        gt = random_scene_graph(
            generator, num_relations=i % 8, num_predicates=NUM - 1, image_size=24
        )
        gt.relations.unseen = torch.rand(gt.num_relations, generator=generator) < 0.4
        pred = all_predictions(generator, gt) if i != 6 else nothing(gt)
        samples.append(predicted_sample(i, gt, **{task: pred}))
    return samples


def nothing(gt):
    pred = random_prediction(torch.Generator(), gt, num_relations=0)
    pred.relations.distribution = torch.empty(0, NUM + 1)
    return pred


def all_predictions(generator, gt):
    """A prediction of every pair, best first, on boxes up to two pixels off."""
    pairs = all_pairs(gt.num_objects)
    distribution = torch.rand(len(pairs), NUM + 1, generator=generator).softmax(1)
    objects = InstanceData(
        bboxes=gt.objects.bboxes
        + torch.randint(-2, 3, gt.objects.bboxes.shape, generator=generator),
        labels=gt.objects.labels,
        scores=torch.rand(gt.num_objects, generator=generator),
    )
    objects.bboxes[:, 2:] = torch.maximum(objects.bboxes[:, 2:], objects.bboxes[:, :2] + 1)
    weights = objects.scores[pairs].prod(dim=1)
    best, labels = distribution[:, 1:].max(dim=1)
    order = (weights * best).argsort(descending=True)
    return SceneGraph(
        objects=objects,
        relations=InstanceData(
            pairs=pairs[order],
            labels=1 + labels[order],
            scores=(weights * best)[order],
            weights=weights[order],
            distribution=distribution[order],
        ),
    )


def pixel_iou(a, b):
    """IoU of boxes whose widths are x2 - x1 + 1."""
    width = max(min(a[2], b[2]) - max(a[0], b[0]) + 1, 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]) + 1, 0)
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def triplets_of(graph, order=None):
    """(classes and predicate), two boxes, of each relation."""
    boxes, labels = graph.objects.bboxes.tolist(), graph.objects.labels.tolist()
    rows = zip(graph.relations.pairs.tolist(), graph.relations.labels.tolist())
    return [((labels[s], p, labels[o]), (boxes[s], boxes[o])) for (s, o), p in rows]


def hit(annotated, predicted, iou):
    return annotated[0] == predicted[0] and all(
        iou(a, b) >= 0.5 for a, b in zip(annotated[1], predicted[1])
    )


def ranks_in_loops(samples, iou, distinct=False, skip=False, task='sggen'):
    """Per image (predicate, rank) of the annotated relations."""
    images = []
    for sample in samples:
        gt, pred = sample.gt_scene_graph, sample.pred_scene_graphs[task]
        predictions = triplets_of(pred)
        if skip and not predictions:
            continue
        relations = triplets_of(gt)
        keys = list(zip(gt.relations.pairs.tolist(), gt.relations.labels.tolist()))
        kept = [
            relation
            for i, relation in enumerate(relations)
            if not (distinct and keys[i] in keys[:i])
        ]
        images.append(
            [
                (r[0][1], next((i for i, p in enumerate(predictions) if hit(r, p, iou)), NO_HIT))
                for r in kept
            ]
        )
    return [image for image in images if image]


def recall(images, k):
    return np.mean([np.mean([rank < k for _, rank in image]) for image in images])


def by_predicate(images, k, pooled=False):
    result = []
    for p in range(1, NUM + 1):
        shares = [[rank < k for q, rank in image if q == p] for image in images]
        if pooled:
            shares = [sum(shares, [])]
        result.append(np.mean([np.mean(s) for s in shares if s]) if any(shares) else math.nan)
    return result


def continuous_iou(a, b):
    shift = [0, 0, 1, 1]
    return pixel_iou(*([x - y for x, y in zip(box, shift)] for box in (a, b)))


DEFINITIONS = {
    'mmsgp': dict(iou=continuous_iou),
    'sgb': dict(iou=pixel_iou, skip=True),
    'neural-motifs': dict(iou=pixel_iou),
    'ietrans': dict(iou=pixel_iou, skip=True, distinct=True),
    'penet': dict(iou=pixel_iou, skip=True),
    'psg': dict(iou=continuous_iou, distinct=True),
    'openimages': dict(iou=pixel_iou, skip=True),
}


@pytest.mark.parametrize('preset', PRESETS)
@pytest.mark.parametrize('seed', range(3))
def test_recall_and_mean_recall_are_those_of_the_publication(preset, seed):
    """Of SGGen: relation NMS is for given boxes."""
    samples = samples_of(seed)
    images = ranks_in_loops(samples, **DEFINITIONS[preset])
    metrics = evaluate(samples, preset, metric=('R', 'mR'))
    for k in TOPK:
        each = by_predicate(images, k, pooled=preset == 'neural-motifs')
        assert any(map(math.isnan, each))  # a predicate that the split lacks
        mean = np.nanmean(each)
        if preset in ('sgb', 'ietrans', 'penet', 'openimages'):
            mean = np.nansum(each) / NUM
        assert metrics[f'sggen/R@{k}'] == pytest.approx(100 * recall(images, k), rel=1e-9)
        assert metrics[f'sggen/mR@{k}'] == pytest.approx(100 * mean, rel=1e-9)


def test_protocols_differ_on_the_same_predictions():
    samples = samples_of(1, num_images=60)
    values = {
        preset: tuple(evaluate(samples, preset, metric=('R', 'mR')).values())
        for preset in ('mmsgp', 'sgb', 'neural-motifs', 'ietrans', 'psg')
    }
    assert len(set(values.values())) == len(values)


def test_psg_agrees_with_sgbench():
    sgbench = pytest.importorskip('sgbench')
    samples, expected = samples_of(2, num_images=60), {}
    for sample in samples:
        gt, pred = sample.gt_scene_graph, sample.pred_scene_graphs['sggen']
        boxes = gt.objects.bboxes.tolist()
        clear = all(continuous_iou(a, b) < 0.3 for i, a in enumerate(boxes) for b in boxes[:i])
        if not clear:  # sgbench gives a predicted object to one annotated object
            sample.gt_scene_graph.relations = gt.relations[:0]
        if not sample.gt_scene_graph.num_relations:
            continue
        gt = sample.gt_scene_graph
        matches = sgbench.match_instances(
            *(
                getattr(graph.objects, name).numpy()
                for graph in (gt, pred)
                for name in ('bboxes', 'labels')
            )
        )
        triplets = [
            torch.cat([g.relations.pairs, g.relations.labels[:, None] - 1], 1).numpy()
            for g in (gt, pred)
        ]
        matched = sgbench.remap_triplets(matches, triplets[1])
        for k in TOPK:
            expected.setdefault(k, []).append(
                sgbench.recall(k, False, np.unique(triplets[0], axis=0), matched, NUM)
            )
    assert len(expected[3]) > 5
    metrics = evaluate(samples, 'psg', metric=('R',))
    for k in TOPK:
        assert metrics[f'sggen/R@{k}'] == pytest.approx(100 * np.mean(expected[k]), rel=1e-9)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="preset must be one of .*'sgb'.*got 'vg'"):
        SceneGraphMetric(preset='vg')


def test_ranks_of_a_protocol_are_kept_as_such(tmp_path):
    samples = samples_of()
    expected = evaluate(samples, 'sgb', output_dir=tmp_path)
    ranks = RelationRanks.load(tmp_path / 'ranks.npz')
    assert ranks.preset == 'sgb'
    values = evaluate_task(ranks, 'sggen', TOPK).values
    assert {f'sggen/{name}': 100 * float(v) for name, v in values.items()} == pytest.approx(
        {key: value for key, value in expected.items() if key.startswith('sggen/')}, nan_ok=True
    )


@pytest.mark.parametrize(
    ('preset', 'note'), [('sgb', 'that count 0 in mR@K'), ('neural-motifs', 'left out of mR@K')]
)
def test_the_log_says_what_the_protocol_does(preset, note, capsys):
    """Image 6 has no predictions; nothing is annotated with f."""
    evaluate(samples_of(), preset)
    printed = ' '.join(capsys.readouterr().out.split())
    assert f'Predicates {note} because this split has no relation of them: 1 of 6 (f)' in printed
    assert ('sggen: 1 images without predictions are left out.' in printed) == (preset == 'sgb')


def test_runs_of_two_protocols_are_not_compared(tmp_path):
    for preset in ('sgb', 'psg'):
        evaluate(samples_of(), preset, output_dir=tmp_path / preset)
    with pytest.raises(ValueError, match="by the protocol 'sgb' and .*psg by 'psg': test one"):
        load_runs([tmp_path / 'sgb', tmp_path / 'psg'])


# ---- relation NMS


def nms_in_loops(boxes, labels, pairs, table, subject_scores):
    table = [list(row) for row in table]
    for row in table:
        row[0] = 0
    left, result = set(range(len(pairs))), []
    while left:
        value, _, _, a, p = max(
            (table[a][p], -a, -p, a, p) for a in left for p in range(1, NUM + 1)
        )
        result.append((value * subject_scores[a] ** 2, a, p))
        left.remove(a)
        for b in left:
            same = all(labels[pairs[a][i]] == labels[pairs[b][i]] for i in (0, 1))
            least = min(continuous_iou(boxes[pairs[a][i]], boxes[pairs[b][i]]) for i in (0, 1))
            if same and least >= 0.6:
                table[b][p] = 0
    order = sorted(range(len(result)), key=lambda i: -result[i][0])
    return [result[i][1:] for i in order]


@pytest.mark.parametrize('seed', range(4))
def test_relation_nms_is_its_definition_in_loops(seed):
    generator = torch.Generator().manual_seed(seed)
    boxes = (10 * random_boxes(generator, 3)).repeat(2, 1)
    boxes += torch.randint(0, 3, boxes.shape, generator=generator)
    labels = torch.randint(2, (3,), generator=generator).repeat(2)
    pairs = all_pairs(6)
    table = torch.rand(len(pairs), NUM + 1, generator=generator).softmax(1).double()
    scores = torch.rand(len(pairs), generator=generator).double()
    graph = GraphArrays(boxes.double().numpy(), labels.numpy(), pairs.numpy(), None, None)
    rows, predicates = relation_nms(graph, table.numpy(), scores.numpy(), 0.6)
    expected = nms_in_loops(
        boxes.tolist(), labels.tolist(), pairs.tolist(), table.tolist(), scores.tolist()
    )
    assert list(zip(rows.tolist(), predicates.tolist())) == expected
    plain = table[:, 1:].argmax(1).numpy()[rows] + 1
    assert (plain != predicates).any()


def test_relation_nms_is_for_given_boxes_and_needs_all_probabilities():
    samples = samples_of(task='predcls')
    plain, changed = (evaluate(samples, preset, metric=('mR',)) for preset in ('sgb', 'penet'))
    assert plain['predcls/mR@3'] != changed['predcls/mR@3']
    del samples[1].pred_scene_graphs['predcls'].relations.distribution
    with pytest.raises(ValueError, match=r'predcls .*image 1 .*relation NMS needs'):
        evaluate(samples, 'penet', metric=('mR',))


# ---- Open Images


def open_images_in_loops(samples):
    found = total = 0
    rows = {p: [] for p in range(1, NUM + 1)}
    counts = dict.fromkeys(rows, 0)
    for image, sample in enumerate(samples):
        gt, pred = sample.gt_scene_graph, sample.pred_scene_graphs['sggen']
        annotated = triplets_of(gt)
        total += len(annotated)
        for (_, p, _), _ in annotated:
            counts[p] += 1
        if not annotated:
            continue
        entries = []
        boxes, labels = pred.objects.bboxes.tolist(), pred.objects.labels.tolist()
        for (s, o), row, weight in zip(
            pred.relations.pairs.tolist(),
            pred.relations.distribution.numpy(),
            pred.relations.weights.numpy(),
        ):
            best = sorted(range(1, NUM + 1), key=lambda p: -row[p])[:2]
            entries += [
                (row[p] * weight, ((labels[s], p, labels[o]), (boxes[s], boxes[o]))) for p in best
            ]
        entries = sorted(entries, key=lambda e: -e[0])[:100]
        entries = [e for e in entries if e[0] > 1e-5]
        found += sum(any(hit(a, e[1], pixel_iou) for e in entries[:50]) for a in annotated)
        taken = {'rel': set(), 'phr': set()}
        for score, triplet in entries:
            hits = {}
            for kind in taken:
                best, which = 0, None
                for i, other in enumerate(annotated):
                    if other[0] != triplet[0]:
                        continue
                    if kind == 'rel':
                        iou = min(pixel_iou(a, b) for a, b in zip(other[1], triplet[1]))
                    else:
                        iou = pixel_iou(
                            *(
                                [min(a, b) for a, b in zip(t[1][0][:2], t[1][1][:2])]
                                + [max(a, b) for a, b in zip(t[1][0][2:], t[1][1][2:])]
                                for t in (other, triplet)
                            )
                        )
                    if iou > best:
                        best, which = iou, i
                hits[kind] = best > 0.5 and which not in taken[kind]
                if best > 0.5:
                    taken[kind].add(which)
            rows[triplet[0][1]].append((score, image, hits))
    result = {'OI-R@50': found / total}
    for kind in ('rel', 'phr'):
        value = 0
        for p, detections in rows.items():
            if not counts[p]:
                continue
            right, curve = 0, []
            for i, (_, _, hits) in enumerate(sorted(detections, key=lambda d: -d[0]), 1):
                right += hits[kind]
                curve.append((right / counts[p], right / i))
            area, last = 0, 0
            for i, (r, _) in enumerate(curve):
                area += (r - last) * max(precision for _, precision in curve[i:])
                last = r
            value += counts[p] / total * area
        result[f'wmAP_{kind}'] = value
    result['OI-score'] = (
        0.2 * result['OI-R@50'] + 0.4 * result['wmAP_rel'] + 0.4 * result['wmAP_phr']
    )
    return result


@pytest.mark.parametrize('seed', range(3))
def test_the_score_of_open_images_is_its_definition_in_loops(seed):
    samples = samples_of(seed)
    metrics = evaluate(samples, 'openimages')
    for name, value in open_images_in_loops(samples).items():
        assert metrics[f'sggen/{name}'] == pytest.approx(100 * value, rel=1e-6), name


def test_average_precision_worked_on_paper():
    """Hits first and third of two: precision 1, 1/2, 2/3; interpolated 1 and 2/3."""
    scores, hits = np.array([0.5, 0.9, 0.7]), np.array([True, True, False])
    assert average_precision(scores, hits, 2) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert average_precision(scores, ~hits, 4) == pytest.approx(0.25 / 2)


# ---- thresholds


def test_the_threshold_is_the_one_with_the_largest_f_worked_on_paper(tmp_path):
    """Two images with three relations, of which image 0 has two and hits both.

    All scores: .9 hit, .8 wrong, .7 hit | .6 wrong. F at .9: P 1, R 1/3, F 1/2; at .8:
    1/2, 1/3, .4; at .7: 2/3, 2/3, 2/3; at .6: 1/2, 2/3, 4/7.
    """

    def graph(*relations, scores=None):
        extra = {} if scores is None else dict(scores=torch.tensor(scores))
        return make_graph(row_of_boxes(4), range(4), relations, **extra)

    samples = [
        predicted_sample(
            0,
            graph((0, 1, 1), (1, 2, 2)),
            sgcls=graph((0, 1, 1), (0, 1, 2), (1, 2, 2), scores=[0.9, 0.8, 0.7]),
        ),
        predicted_sample(1, graph((2, 3, 3)), sgcls=graph((0, 1, 3), scores=[0.6])),
        predicted_sample(2, graph(), sgcls=graph((0, 1, 3), scores=[0.99])),
    ]
    evaluate(samples, 'mmsgp', output_dir=tmp_path)
    result = json.loads((tmp_path / 'metrics.json').read_text())
    assert result['sgcls/best_threshold'] == pytest.approx(0.7)
    for name in ('precision', 'recall', 'F'):
        assert result[f'sgcls/best_threshold_{name}'] == pytest.approx(200 / 3)
    rows = np.loadtxt(tmp_path / 'thresholds_sgcls.csv', delimiter=',', skiprows=1)
    expected = [[0.9, 1, 1 / 3, 0.5], [0.8, 0.5, 1 / 3, 0.4], [0.7, *[2 / 3] * 3]]
    expected.append([0.6, 0.5, 2 / 3, 4 / 7])
    np.testing.assert_allclose(rows, np.array(expected) * [1, 100, 100, 100], rtol=1e-6)


def test_without_a_hit_no_threshold_is_the_best(tmp_path):
    truth, wrong = (
        make_graph(row_of_boxes(4), range(4), [pair]) for pair in ((0, 1, 1), (1, 2, 2))
    )
    wrong.relations.scores = torch.tensor([0.9])
    evaluate([predicted_sample(0, truth, sgcls=wrong)], 'mmsgp', output_dir=tmp_path)
    result = json.loads((tmp_path / 'metrics.json').read_text())
    found = {key: value for key, value in result.items() if 'best_threshold' in key}
    assert found == {
        f'sgcls/best_threshold{name}': None for name in ('', '_precision', '_recall', '_F')
    }
    assert not (tmp_path / 'thresholds_sgcls.csv').exists()


def test_equal_scores_are_one_threshold_and_few_images_count_few_predictions():
    predictions = PredictionScores(np.array([3, 1]), np.array([0.5, 0.5, 0.5], np.float32), limit=2)
    ranks, images = np.array([1, 2, 0]), np.array([0, 0, 1])
    curve = threshold_curve(ranks, images, predictions)
    assert curve.thresholds.tolist() == [0.5]
    # the third prediction of the first image has no score
    assert (curve.precision[0], curve.recall[0]) == (2 / 3, 2 / 3)


def test_no_threshold_is_the_best_where_nothing_hits():
    predictions = PredictionScores(np.array([1]), np.array([0.5], np.float32), limit=2)
    images = np.array([0])
    assert threshold_curve(np.array([0]), images, predictions).thresholds.tolist() == [0.5]
    assert threshold_curve(np.array([NO_HIT]), images, predictions) is None


# ---- SGB's list


def test_a_list_says_which_triplets_are_unseen(tmp_path):
    path = tmp_path / 'zeroshot_triplet.pytorch'
    torch.save(torch.tensor([[1, 2, 3], [2, 3, 1]]), path)
    gt = make_graph(row_of_boxes(3), range(3), [(0, 3, 1), (0, 1, 1), (1, 1, 2)])
    gt.relations.unseen = torch.tensor([False, True, False])
    pred = make_graph(row_of_boxes(3), range(3), [(0, 3, 1)], scores=torch.ones(1))
    sample = predicted_sample(0, gt, predcls=pred)
    metrics = evaluate([sample], 'sgb', zero_shot_file=str(path), metric=('zR',))
    assert metrics['predcls/zR@3'] == 50
    assert evaluate([sample], 'sgb', metric=('zR',))['predcls/zR@3'] == 0


@pytest.mark.parametrize(
    'content, message',
    [
        (torch.ones(2, 3), 'whole numbers'),
        (torch.ones(2, 2).long(), 'whole numbers'),
        (torch.zeros(2, 3).long(), 'from 1, but has 0'),
        (print, 'not a list of triplets'),
    ],
)
def test_another_file_is_refused(tmp_path, content, message):
    path = tmp_path / 'list.pytorch'
    torch.save(content, path)
    with pytest.raises(ValueError, match=f'list.pytorch .*{message}'):
        metric('mmsgp', zero_shot_file=path)
    with pytest.raises(FileNotFoundError, match='zero_shot_file .* not found'):
        metric('mmsgp', zero_shot_file=tmp_path / 'none')


# ---- the frequency baseline


def test_the_baseline_is_the_table_on_the_same_pairs(tmp_path):
    """In loops: the most frequent predicate of the classes, by share and objects."""
    samples = samples_of(3, task='sgcls')
    counts = np.random.default_rng(0).integers(0, 9, size=(6, 6, NUM + 1))
    counts[..., 0] += 1
    one = metric('mmsgp', output_dir=tmp_path)
    one.load_statistics(SimpleNamespace(triplet_counts=counts))
    for sample in samples:
        one.process({}, [sample.to_dict()])
    one.evaluate(len(samples))
    guessed = []
    for i, sample in enumerate(samples):
        pred = sample.pred_scene_graphs['sgcls']
        labels, scores = pred.objects.labels.tolist(), pred.objects.scores.tolist()
        rows = []
        for s, o in pred.relations.pairs.tolist():
            row = counts[labels[s], labels[o]]
            best = max(range(1, NUM + 1), key=lambda p, row=row: row[p])
            rows.append((-row[best] / row.sum() * scores[s] * scores[o], s, o, best))
        rows.sort()
        guess = SceneGraph(
            objects=pred.objects,
            relations=InstanceData(
                pairs=torch.tensor([row[1:3] for row in rows]).reshape(-1, 2),
                labels=torch.tensor([row[3] for row in rows], dtype=torch.long),
            ),
        )
        guessed.append(predicted_sample(i, sample.gt_scene_graph, sgcls=guess))
    images = ranks_in_loops(guessed, continuous_iou, task='sgcls')
    result = json.loads((tmp_path / 'metrics.json').read_text())
    for k in TOPK:
        expected = 100 * recall(images, k), 100 * np.nanmean(by_predicate(images, k))
        found = (result[f'sgcls/frequency-{name}@{k}'] for name in ('R', 'mR'))
        assert tuple(found) == pytest.approx(expected, rel=1e-9)
    assert result['sgcls/frequency-R@10'] != result['sgcls/R@10']
