"""The whole suite against its definition, another library, and paper."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from helpers.graphs import make_graph, row_of_boxes
from helpers.oracles import iou
from mmsgp.evaluation import NO_HIT, SceneGraphMetric
from mmsgp.evaluation.functional import METRIC_NAMES, predicate_groups
from mmsgp.structures import SceneGraph
from mmsgp.testing.graphs import (
    permuted,
    predicted_sample,
    random_prediction,
    random_scene_graph,
)

TOPK = (1, 3, 10, 'all')
NUM_PREDICATES = 6
META = dict(predicates=tuple('abcdef'), predicate_train_counts=[3, 50, 20, 0, 9, 9])
VRD = Path(__file__).parents[3] / 'shared' / 'data' / 'vrd'


def evaluate(samples, meta=META, **kwargs):
    """All metrics of some samples, without their tables."""
    metric = SceneGraphMetric(classwise=False, **kwargs)
    metric.dataset_meta = meta
    for sample in samples:
        metric.process({}, [sample.to_dict()])
    return metric.evaluate(len(samples))


# ---- the definition, in loops


def union(a, b):
    return [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]


class Loops:
    """Metrics of one task by loops over everything."""

    def __init__(self, samples, task, phrases=False):
        self.phrases = phrases
        self.images = [self.relations(s.gt_scene_graph, s.pred_scene_graphs[task]) for s in samples]
        self.images = [image for image in self.images if image]

    def relations(self, gt, pred):
        boxes, labels = gt.objects.bboxes.tolist(), gt.objects.labels.tolist()
        other = (pred.objects.bboxes.tolist(), pred.objects.labels.tolist())
        found, seen = [], set()
        for s, o, p, u in zip(
            *gt.relations.pairs.T.tolist(),
            gt.relations.labels.tolist(),
            gt.relations.unseen.tolist(),
        ):
            on_pair = [
                self.same_pair(boxes, labels, (s, o), *other, pair)
                for pair in pred.relations.pairs.tolist()
            ]
            found.append(
                dict(
                    predicate=p,
                    unseen=u,
                    new_pair=(s, o) not in seen,
                    **self.ranks(on_pair, p, pred),
                )
            )
            seen.add((s, o))
        return found

    def same_pair(self, boxes, labels, pair, other_boxes, other_labels, other):
        if [labels[i] for i in pair] != [other_labels[i] for i in other]:
            return False
        mine, theirs = [boxes[i] for i in pair], [other_boxes[i] for i in other]
        if self.phrases:
            return iou(union(*mine), union(*theirs)) >= 0.5
        return all(iou(a, b) >= 0.5 for a, b in zip(mine, theirs))

    @staticmethod
    def ranks(on_pair, predicate, pred):
        # graph constraint: only the first of a pair is ranked
        ranked, pairs = [], set()
        for row, pair in enumerate(map(tuple, pred.relations.pairs.tolist())):
            if pair not in pairs:
                ranked.append(row)
            pairs.add(pair)
        labels = pred.relations.labels.tolist()
        pair_rank = next((i for i, row in enumerate(ranked) if on_pair[row]), NO_HIT)
        rank = next(
            (i for i, row in enumerate(ranked) if on_pair[row] and labels[row] == predicate), NO_HIT
        )
        correct = pair_rank < NO_HIT and labels[ranked[pair_rank]] == predicate
        # without: every predicate of every pair, the best 100
        scores = pred.objects.scores.numpy()
        entries = sorted(
            (-scores[s] * scores[o] * p, row, r)
            for row, ((s, o), row_p) in enumerate(
                zip(pred.relations.pairs.tolist(), pred.relations.distribution.numpy())
            )
            for r, p in enumerate(row_p)
            if r
        )[:100]
        ng_rank = next(
            (i for i, (_, row, r) in enumerate(entries) if on_pair[row] and r == predicate), NO_HIT
        )
        return dict(
            rank=rank, pair_rank=pair_rank, correct=correct, ng_rank=ng_rank, number=len(ranked)
        )

    def recall(self, rank, k, keep=lambda relation: True):
        """Mean over images of the share of relations found."""
        limit = NO_HIT if k == 'all' else k
        shares = []
        for image in self.images:
            kept = [relation for relation in image if keep(relation)]
            if kept:
                shares.append(sum(r[rank] < limit for r in kept) / len(kept))
        return np.mean(shares) if shares else math.nan

    def precision(self, k):
        """Mean over images of the share of predictions that hit something new."""
        limit = NO_HIT if k == 'all' else k
        shares = []
        for image in self.images:
            right = {r['rank'] for r in image if r['rank'] < limit}
            shares.append(len(right) / max(1, min(limit, image[0]['number'])))
        return np.mean(shares)

    def mean_recall(self, rank, k, predicates=range(1, NUM_PREDICATES + 1)):
        return np.nanmean(
            [self.recall(rank, k, lambda r, p=p: r['predicate'] == p) for p in predicates]
        )

    def metrics(self):
        counts = META['predicate_train_counts']
        order = sorted(range(1, NUM_PREDICATES + 1), key=lambda p: -counts[p - 1])
        everything = [r for image in self.images for r in image]
        present = {r['predicate'] for r in everything}
        result = {
            'A@1': np.mean([r['correct'] for r in everything]),
            'mA@1': np.mean(
                [
                    np.mean([r['correct'] for r in everything if r['predicate'] == p])
                    for p in present
                ]
            ),
        }
        for k in TOPK:
            r, m = self.recall('rank', k), self.mean_recall('rank', k)
            result.update(
                {
                    f'R@{k}': r,
                    f'mR@{k}': m,
                    f'F@{k}': 2 * r * m / (r + m) if r + m else 0,
                    f'head-mR@{k}': self.mean_recall('rank', k, order[:2]),
                    f'body-mR@{k}': self.mean_recall('rank', k, order[2:4]),
                    f'tail-mR@{k}': self.mean_recall('rank', k, order[4:]),
                    f'ng-R@{k}': self.recall('ng_rank', k),
                    f'ng-mR@{k}': self.mean_recall('ng_rank', k),
                    f'zR@{k}': self.recall('rank', k, lambda r: r['unseen']),
                    f'ng-zR@{k}': self.recall('ng_rank', k, lambda r: r['unseen']),
                    f'PR@{k}': self.recall('pair_rank', k, lambda r: r['new_pair']),
                    f'P@{k}': self.precision(k),
                }
            )
        return {name: 100 * value for name, value in result.items()}


def random_samples(seed, num_images=12):
    """Graphs with duplicate boxes, labels, predicates; some predict nothing."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for i in range(num_images):
        gt = random_scene_graph(generator, num_relations=i % 8, num_predicates=NUM_PREDICATES)
        gt.relations.unseen = torch.rand(gt.num_relations, generator=generator) < 0.4
        pred = random_prediction(
            generator,
            None if i % 2 else gt,
            num_relations=0 if i == 5 else 40,
            num_predicates=NUM_PREDICATES,
        )
        add_distribution(pred, generator, NUM_PREDICATES)
        samples.append(predicted_sample(i, gt, sggen=pred))
    return samples


def add_distribution(pred, generator, num_predicates):
    pred.relations.distribution = torch.rand(
        pred.num_relations, num_predicates + 1, generator=generator
    ).softmax(dim=1)
    pred.relations.weights = pred.objects.scores[pred.relations.pairs].prod(dim=1)


@pytest.mark.parametrize('seed', range(8))
def test_every_metric_agrees_with_its_definition(seed):
    samples = random_samples(seed)
    metrics = evaluate(samples, topk=TOPK)
    for task, phrases in (('sggen', False), ('phrdet', True)):
        expected = Loops(samples, 'sggen', phrases).metrics()
        got = {
            key.split('/')[1]: value for key, value in metrics.items() if key.startswith(f'{task}/')
        }
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            assert got[name] == pytest.approx(value, rel=1e-9, nan_ok=True), name


# ---- worked on paper


def graph(relations, predicted=False, boxes=None):
    """Four objects of classes 0, 1, 2, 3, ten pixels wide, side by side.

    Relations are (subject, predicate, object); a prediction's are best first.
    """
    result = make_graph(boxes or row_of_boxes(4), range(4), relations)
    if predicted:
        result.objects.scores = torch.ones(4)
        result.relations.scores = torch.linspace(0.9, 0.1, len(relations))
        result.relations.weights = torch.ones(len(relations))
    return result


def with_unseen(annotated, *unseen):
    annotated.relations.unseen = torch.tensor(unseen)
    return annotated


def with_probabilities(pred, *rows):
    pred.relations.distribution = torch.tensor(rows)
    return pred


def worked_samples():
    """Three images; predicates are 1, 2 and 3.

    Image 0 has 0-1-1 (unseen), 0-2-1 and 2-3-3. Predicted: 0-1-1, then 2-1-3.
        ranks: 0-1-1 first; 0-2-1 never (the pair's one prediction has
        predicate 1); 2-3-3 never
        pairs: (0, 1) first, (2, 3) second
        right: only 0-1-1
        all entries: (0, 1) has predicates 1, 2, 3 with .5, .3, .1 and (2, 3)
        has .4, .05, .35; the order is .5 (0-1-1), .4 (2-1-3), .35 (2-3-3),
        .3 (0-2-1), ...: 0-1-1 first, 2-3-3 third, 0-2-1 fourth
    Image 1 has 1-1-2 alone. Predicted: 3-1-0, then 1-1-2.
        rank: second; the pair second; right
        entries: (3, 0) has .6, .2, .1 and (1, 2) has .5, .05, .05: second
    Image 2 has 0-2-3 (unseen) alone. Nothing is predicted.
    """
    return [
        predicted_sample(
            0,
            with_unseen(graph([[0, 1, 1], [0, 2, 1], [2, 3, 3]]), True, False, False),
            sgcls=with_probabilities(
                graph([[0, 1, 1], [2, 1, 3]], predicted=True),
                [0.1, 0.5, 0.3, 0.1],
                [0.2, 0.4, 0.05, 0.35],
            ),
        ),
        predicted_sample(
            1,
            with_unseen(graph([[1, 1, 2]]), False),
            sgcls=with_probabilities(
                graph([[3, 1, 0], [1, 1, 2]], predicted=True),
                [0.1, 0.6, 0.2, 0.1],
                [0.4, 0.5, 0.05, 0.05],
            ),
        ),
        predicted_sample(
            2,
            with_unseen(graph([[0, 2, 3]]), True),
            sgcls=with_probabilities(graph([], predicted=True), *torch.empty(0, 4).tolist()),
        ),
    ]


# Training counts 10, 5, 1: head, body and tail are predicates 1, 2 and 3.
#
# @1     image 0  image 1  image 2   mean
# R      1/3      0        0         1/9
# ng-R   1/3      0        0         1/9
# zR     1/1      -        0/1       1/2
# PR     1/2      0        0         1/6     pairs (0, 1), (2, 3) | (1, 2) | (0, 3)
#
# @2
# R      1/3      1        0         4/9
# ng-R   1/3      1        0         4/9
# zR     1        -        0         1/2
# PR     2/2      1        0         2/3
#
# @all: R, zR, PR as @2
# ng-R   3/3      1        0         2/3
#
# by predicate         1               2              3         mean
# @1     (1 + 0)/2 = 1/2    (0 + 0)/2 = 0       0     1/6
# @2     (1 + 1)/2 = 1      (0 + 0)/2 = 0       0     1/3
# ng @1  1/2                0                   0     1/6
# ng @2  1                  0                   0     1/3
# ng all 1                  (1 + 0)/2 = 1/2     1     5/6
#
# P: image 0 has 1/1 and 1/2, image 1 0/1 and 1/2, image 2 nothing
#
# F@1 = 2 (1/9)(1/6) / (1/9 + 1/6) = 2/15, F@2 = 2 (4/9)(1/3) / (7/9) = 8/21
# A: right are 0-1-1 and 1-1-2 of five relations; by predicate 2/2, 0/2, 0/1
WORKED = {
    'R@1': 1 / 9, 'R@2': 4 / 9, 'R@all': 4 / 9,
    'mR@1': 1 / 6, 'mR@2': 1 / 3, 'mR@all': 1 / 3,
    'F@1': 2 / 15, 'F@2': 8 / 21, 'F@all': 8 / 21,
    'head-mR@1': 1 / 2, 'head-mR@2': 1, 'head-mR@all': 1,
    'body-mR@1': 0, 'body-mR@2': 0, 'body-mR@all': 0,
    'tail-mR@1': 0, 'tail-mR@2': 0, 'tail-mR@all': 0,
    'ng-R@1': 1 / 9, 'ng-R@2': 4 / 9, 'ng-R@all': 2 / 3,
    'ng-mR@1': 1 / 6, 'ng-mR@2': 1 / 3, 'ng-mR@all': 5 / 6,
    'zR@1': 1 / 2, 'zR@2': 1 / 2, 'zR@all': 1 / 2,
    'ng-zR@1': 1 / 2, 'ng-zR@2': 1 / 2, 'ng-zR@all': 1 / 2,
    'PR@1': 1 / 6, 'PR@2': 2 / 3, 'PR@all': 2 / 3,
    'P@1': 1 / 3, 'P@2': 1 / 3, 'P@all': 1 / 3,
    'A@1': 2 / 5, 'mA@1': 1 / 3,
}  # yapf: disable
WORKED_META = dict(predicates=('a', 'b', 'c'), predicate_train_counts=[10, 5, 1])


def worked_with_empty_distribution():
    samples = worked_samples()
    relations = samples[2].pred_scene_graphs['sgcls'].relations
    relations.distribution = torch.empty(0, 4)
    return samples


def test_every_metric_worked_on_paper():
    metrics = evaluate(worked_with_empty_distribution(), WORKED_META, topk=(1, 2, 'all'))
    assert {name.split('@')[0] for name in WORKED} == set(METRIC_NAMES)
    assert metrics == pytest.approx(
        {f'sgcls/{name}': 100 * value for name, value in WORKED.items()}, rel=1e-14
    )


def test_phrases_worked_on_paper():
    # Objects 0 and 1 have swapped places: no box is right, but their union is.
    # Objects 2 and 3 have moved by a third of the union's 30 pixels: from
    # 40..70 to 50..80, an IoU of 20 / 40 that just suffices.
    moved = [[20.0, 0, 30, 10], [0.0, 0, 10, 10], [50.0, 0, 60, 10], [70.0, 0, 80, 10]]
    pred = graph([[0, 1, 1], [2, 2, 3]], predicted=True, boxes=moved)
    sample = predicted_sample(0, graph([[0, 1, 1], [2, 1, 3]]), sggen=pred)
    metrics = evaluate([sample], WORKED_META, topk=(1, 'all'))
    assert metrics['sggen/R@all'] == metrics['sggen/PR@all'] == 0
    assert metrics['phrdet/R@1'] == metrics['phrdet/R@all'] == 50
    assert metrics['phrdet/PR@1'] == 50
    assert metrics['phrdet/PR@all'] == 100
    metrics = evaluate([sample], WORKED_META, topk=('all',), iou_thr=0.51)
    assert metrics['phrdet/PR@all'] == 50


# ---- another library


def sgbench_metrics(samples, task, num_predicates, topk):
    """R@K and mR@K of sgbench, percent."""
    sgbench = pytest.importorskip(
        'sgbench', reason='make test installs it, see requirements/peers.txt'
    )
    recalls = {}
    for sample in samples:
        gt, pred = sample.gt_scene_graph, sample.pred_scene_graphs[task]
        if not gt.num_relations:
            continue
        matches = sgbench.match_instances(
            gt.objects.bboxes.numpy(),
            gt.objects.labels.numpy(),
            pred.objects.bboxes.numpy(),
            pred.objects.labels.numpy(),
        )
        triplets = [
            torch.cat([g.relations.pairs, g.relations.labels[:, None] - 1], dim=1).numpy()
            for g in (gt, pred)
        ]
        matched = sgbench.remap_triplets(matches, triplets[1])
        for k in topk:
            for name, mean in (('R', False), ('mR', True)):
                recalls.setdefault(f'{task}/{name}@{k}', []).append(
                    sgbench.recall(k, mean, np.unique(triplets[0], axis=0), matched, num_predicates)
                )
    return {
        name: 100 * np.nanmean(np.nanmean(np.stack(values), axis=0))
        if 'mR' in name
        else 100 * np.mean(values)
        for name, values in recalls.items()
    }


def vrd_samples(num_images=150, seed=0):
    """Real graphs, and predictions that are jittered copies with errors."""
    generator = torch.Generator().manual_seed(seed)
    annotations = json.loads((VRD / 'annotations_train.json').read_text())
    samples = []
    for i, name in enumerate(sorted(annotations)[:num_images]):
        objects, relations = {}, []
        for relation in annotations[name]:
            pair = [
                objects.setdefault(
                    (relation[part]['category'], *relation[part]['bbox']), len(objects)
                )
                for part in ('subject', 'object')
            ]
            if pair[0] != pair[1]:
                relations.append([*pair, relation['predicate'] + 1])
        relations = sorted(map(list, {tuple(r) for r in relations}))
        rows = torch.tensor(list(objects)).reshape(-1, 5)
        triplets = torch.tensor(relations).reshape(-1, 3).long()
        gt = SceneGraph(
            objects=InstanceData(bboxes=rows[:, [3, 1, 4, 2]].double(), labels=rows[:, 0]),
            relations=InstanceData(
                pairs=triplets[:, :2],
                labels=triplets[:, 2],
                unseen=torch.rand(len(triplets), generator=generator) < 0.3,
            ),
        )
        pred = random_prediction(generator, gt, num_relations=60, num_predicates=70)
        # Half of the annotated relations are predicted, at random ranks.
        copied = torch.rand(len(triplets), generator=generator) < 0.5
        place = torch.randperm(pred.num_relations, generator=generator)[: len(triplets)]
        copied &= torch.arange(len(triplets)) < len(place)
        place = place[copied[: len(place)]]
        pred.relations.pairs[place] = triplets[copied, :2]
        pred.relations.labels[place] = triplets[copied, 2]
        first = {}
        for row, pair in enumerate(map(tuple, pred.relations.pairs.tolist())):
            first.setdefault(pair, row)
        pred.relations = pred.relations[torch.tensor(sorted(first.values())).long()]
        add_distribution(pred, generator, 70)
        samples.append(predicted_sample(i, gt, predcls=pred))
    return samples


def without_double_matches(samples):
    """Graphs in which an object matches itself alone.

    sgbench gives a predicted object to one annotated object; where several of
    a class overlap, definitions differ.
    """
    kept = []
    for sample in samples:
        objects = sample.gt_scene_graph.objects
        boxes, labels = objects.bboxes.tolist(), objects.labels.tolist()
        if not any(
            labels[i] == labels[j] and iou(boxes[i], boxes[j]) >= 0.5
            for i in range(len(boxes))
            for j in range(i)
        ):
            kept.append(sample)
    return kept


@pytest.mark.skipif(not VRD.is_dir(), reason=f'no {VRD}')
def test_recall_agrees_with_sgbench_and_the_definition_on_real_graphs():
    meta = dict(predicates=[str(p) for p in range(70)])
    samples = without_double_matches(vrd_samples())
    assert len(samples) > 100
    metrics = evaluate(samples, meta)
    assert 10 < metrics['predcls/R@50'] < 90
    peer = sgbench_metrics(samples, 'predcls', 70, (20, 50, 100))
    for name, value in peer.items():
        assert metrics[name] == pytest.approx(value, rel=1e-9), name
    loops = Loops(samples[:30], 'predcls')
    metrics = evaluate(samples[:30], meta)
    for k in (20, 50, 100):
        for name, rank in (('R', 'rank'), ('ng-R', 'ng_rank')):
            assert metrics[f'predcls/{name}@{k}'] == pytest.approx(
                100 * loops.recall(rank, k), rel=1e-9
            )


@pytest.mark.parametrize('seed', range(5))
def test_recall_agrees_with_sgbench_on_random_graphs(seed):
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for i in range(200):
        gt = random_scene_graph(generator, num_objects=6, num_relations=6)
        pred = random_prediction(generator, gt, num_relations=20)
        # sgbench counts a relation of several annotations once
        keys, first = np.unique(
            torch.cat([gt.relations.pairs, gt.relations.labels[:, None]], 1).numpy(),
            axis=0,
            return_index=True,
        )
        gt.relations = gt.relations[torch.from_numpy(first)]
        samples.append(predicted_sample(i, gt, sgcls=pred))
    samples = without_double_matches(samples)
    assert len(samples) > 50
    # and knows no graph constraint of its own
    for sample in samples:
        relations = sample.pred_scene_graphs['sgcls'].relations
        _, first = np.unique(relations.pairs.numpy(), axis=0, return_index=True)
        sample.pred_scene_graphs['sgcls'].relations = relations[torch.from_numpy(np.sort(first))]
    metrics = evaluate(samples, dict(predicates=tuple('abcd')), topk=(2, 5, 9))
    for name, value in sgbench_metrics(samples, 'sgcls', 4, (2, 5, 9)).items():
        assert metrics[name] == pytest.approx(value, rel=1e-9), name


# ---- what must not matter, and what must be refused


def test_no_order_of_images_or_boxes_changes_a_digit():
    generator = torch.Generator().manual_seed(0)
    samples = random_samples(0, 40)
    expected = evaluate(samples, topk=TOPK)
    for _ in range(3):
        order = torch.randperm(len(samples), generator=generator).tolist()
        shuffled = [
            predicted_sample(
                i,
                permuted(samples[i].gt_scene_graph, generator),
                sggen=permuted(samples[i].pred_scene_graphs['sggen'], generator),
            )
            for i in order
        ]
        # NaN is nothing's equal, not even its own
        assert repr(sorted(evaluate(shuffled, topk=TOPK).items())) == repr(sorted(expected.items()))


def test_an_image_that_comes_twice_counts_once():
    samples = random_samples(1)
    once = evaluate(samples, topk=TOPK)
    twice = evaluate([*samples, *samples[:5]], topk=TOPK)
    assert repr(twice) == repr(once)


@pytest.mark.parametrize('column', [0, 3])
@pytest.mark.parametrize('value', ['nan', 'inf', '-inf'])
def test_probabilities_that_are_not_finite_are_refused(value, column):
    samples = random_samples(0)
    graph = samples[3].pred_scene_graphs['sggen']
    graph.relations.distribution[7, column] = float(value)
    with pytest.raises(ValueError, match=r'sggen .* image 3 \(3.jpg\) .*prob'):
        evaluate(samples)


@pytest.mark.parametrize(
    'field', ['objects.scores', 'relations.scores', 'relations.significance', 'relations.weights']
)
@pytest.mark.parametrize('value', ['nan', 'inf', '-inf'])
@pytest.mark.parametrize('place', [0, 2, -1])
def test_scores_that_are_not_finite_are_refused(field, value, place):
    samples = random_samples(0)
    graph = samples[3].pred_scene_graphs['sggen']
    part, name = field.split('.')
    data = getattr(graph, part)
    data[name] = torch.linspace(0.9, 0.1, len(data))
    data[name][place] = float(value)
    message = rf'sggen prediction of image 3 \(3.jpg\) .*{part[:-1]} {name}'
    with pytest.raises(ValueError, match=message):
        evaluate(samples, metric=('R',))


def test_scores_that_ascend_slowly_are_not_sorted():
    samples = random_samples(0)
    relations = samples[3].pred_scene_graphs['sggen'].relations
    relations.scores = torch.linspace(0.9, 0.9 + 5e-3, len(relations))
    with pytest.raises(ValueError, match='image 3 .* not sorted'):
        evaluate(samples)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float64])
def test_any_precision_is_taken(dtype):
    samples = random_samples(0)
    for sample in samples:
        graph = sample.pred_scene_graphs['sggen']
        for data, names in (
            (graph.objects, ('bboxes', 'scores')),
            (graph.relations, ('scores', 'distribution')),
        ):
            for name in names:
                data[name] = data[name].to(dtype)
    # whole coordinates survive, hence so does the recall
    expected = evaluate(random_samples(0), metric=('R',))
    assert evaluate(samples, metric=('R',)) == expected
    assert 'sggen/ng-R@20' in evaluate(samples)


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda gt, pred: gt.objects.bboxes.fill_(math.nan), 'annotation of image 3 .* boxes'),
        (
            lambda gt, pred: gt.relations.pairs.fill_(9),
            r'annotation of image 3 .* objects 9\.\.9, but has 5',
        ),
        (lambda gt, pred: gt.relations.labels.fill_(7), r'predicates 7\.\.7 of image 3 .* 1\.\.6'),
        (
            lambda gt, pred: pred.relations.set_field(
                torch.rand(len(pred.relations), 2, 7), 'distribution'
            ),
            r'image 3 .* distribution of shape \(40, 2, 7\)',
        ),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    samples = random_samples(0)
    change(samples[3].gt_scene_graph, samples[3].pred_scene_graphs['sggen'])
    with pytest.raises(ValueError, match=message):
        evaluate(samples)


def test_an_image_without_predictions_needs_no_probabilities():
    samples = random_samples(0)
    expected = evaluate(samples)
    empty = samples[5].pred_scene_graphs['sggen'].relations
    assert len(empty) == 0
    del empty.distribution
    bare = samples[8].gt_scene_graph.relations
    assert len(bare) == 0
    del bare.unseen
    assert repr(evaluate(samples)) == repr(expected)


def test_no_k_counts_what_was_missed():
    metrics = evaluate(random_samples(0), topk=(2**31, 'all'))
    assert metrics[f'sggen/R@{2**31}'] == metrics['sggen/R@all'] < 100


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(topk=()), 'topk .* got'),
        (dict(topk=(True,)), 'got True'),
        (dict(iou_thr=50), 'iou_thr'),
        (dict(iou_thr=math.nan), 'iou_thr'),
        (dict(ng_limit=0), 'ng_limit'),
        (dict(groups=5), 'groups must be'),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        SceneGraphMetric(**options)


def test_what_is_unknown_is_left_out_and_said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmsgp.evaluation.metrics.scene_graph_metric.print_log',
        lambda message, logger: lines.append(message),
    )
    samples = random_samples(0)
    for sample in samples:
        del sample.gt_scene_graph.relations.unseen
        del sample.pred_scene_graphs['sggen'].relations.distribution
    metrics = evaluate(samples, dict(predicates=META['predicates']))
    names = {key.split('/')[1].split('@')[0] for key in metrics}
    assert names == {'R', 'mR', 'F', 'PR', 'A', 'mA', 'P'}
    assert ('sggen: head-mR, body-mR, tail-mR, ng-R, ng-mR, zR, ng-zR left out') in lines[0]


def test_metrics_can_be_chosen():
    metrics = evaluate(random_samples(0), topk=(5,), metric=('mR', 'zR'))
    assert set(metrics) == {
        f'{task}/{name}@5' for task in ('sggen', 'phrdet') for name in ('mR', 'zR')
    }
    with pytest.raises(ValueError, match="got .'mAP'"):
        SceneGraphMetric(metric=('mR', 'mAP'))


@pytest.mark.parametrize(
    'groups, expected',
    [
        ('thirds', ['head', 'head', 'body', 'tail', 'body']),
        ((100, 10), ['body', 'head', 'body', 'tail', 'body']),
        ('vg150', ['tail', 'body', 'tail', 'tail', 'tail']),
    ],
)
def test_groups_of_predicates(groups, expected):
    counts = [100, 900, 10, 9, 10]
    masks = predicate_groups(counts, groups)
    assert [next(name for name in masks if masks[name][i]) for i in range(5)] == expected
    assert sum(masks.values()).tolist() == [1] * 5


@pytest.mark.parametrize('groups', ['quarters', (10,), (10, 100)])
def test_unknown_groups_are_refused(groups):
    with pytest.raises(ValueError, match='groups must be'):
        SceneGraphMetric(groups=groups)
