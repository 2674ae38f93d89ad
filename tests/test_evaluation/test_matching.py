from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from helpers.graphs import make_graph
from helpers.oracles import iou
from mmsgp.evaluation.functional import (
    NO_HIT,
    aligned_iou,
    apply_graph_constraint,
    match_triplets,
)
from mmsgp.structures import SceneGraph
from mmsgp.testing.graphs import random_prediction, random_scene_graph


def brute_force_ranks(gt: SceneGraph, pred: SceneGraph, iou_thr: Fraction) -> list[int]:
    """The definition of a hit as a double loop over relations."""

    def same_object(i: int, j: int) -> bool:
        return (
            gt.objects.labels[i] == pred.objects.labels[j]
            and iou(
                gt.objects.bboxes[i], pred.objects.bboxes[j], lambda value: Fraction(value.item())
            )
            >= iou_thr
        )

    same = [[same_object(i, j) for j in range(pred.num_objects)] for i in range(gt.num_objects)]
    ranks = []
    for (s, o), p in zip(gt.relations.pairs.tolist(), gt.relations.labels.tolist(), strict=True):
        hits = (
            rank
            for rank, ((t, q), r) in enumerate(
                zip(pred.relations.pairs.tolist(), pred.relations.labels.tolist(), strict=True)
            )
            if p == r and same[s][t] and same[o][q]
        )
        ranks.append(next(hits, NO_HIT))
    return ranks


@pytest.mark.parametrize('iou_thr', [0.5, 0.25])
@pytest.mark.parametrize('given_boxes', [True, False])
def test_agrees_with_a_double_loop_on_random_graphs(iou_thr, given_boxes):
    # Boxes on 2 x 2 pixels, of two classes: equal objects, repeated pairs and
    # IoUs that meet the threshold exactly occur in most of these graphs.
    generator = torch.Generator().manual_seed(0)

    def draw(high: int) -> int:
        return int(torch.randint(high, (), generator=generator))

    num_hits = num_misses = 0
    for _ in range(1000):
        options = dict(num_classes=2, num_predicates=2, image_size=2)
        gt = random_scene_graph(generator, draw(7), draw(9), **options)
        pred = random_prediction(
            generator,
            gt if given_boxes else None,
            num_objects=draw(7),
            num_relations=draw(40),
            **options,
        )
        ranks = match_triplets(gt, pred, iou_thr)
        assert ranks.tolist() == brute_force_ranks(gt, pred, Fraction(iou_thr))
        num_misses += int((ranks == NO_HIT).sum())
        num_hits += int((ranks < NO_HIT).sum())
    assert min(num_hits, num_misses) > 300, 'the graphs test only one outcome'


def test_one_prediction_hits_several_relations_and_the_first_hit_counts():
    box, other = [0, 0, 10, 10], [20, 0, 30, 10]
    # Annotated twice: the same object under two indices.
    gt = make_graph([box, box, other], [1, 1, 2], [(0, 1, 2), (1, 1, 2), (2, 1, 0)])
    pred = make_graph([other, box], [2, 1], [(0, 2, 1), (1, 1, 0), (1, 1, 0)])
    assert match_triplets(gt, pred).tolist() == [1, 1, NO_HIT]


@pytest.mark.parametrize(
    ('wrong', 'expected'),
    [
        (None, 0),
        ('subject label', NO_HIT),
        ('object label', NO_HIT),
        ('predicate', NO_HIT),
        ('subject box', NO_HIT),
        ('object box', NO_HIT),
        ('direction', NO_HIT),
    ],
)
def test_every_part_of_a_triplet_must_agree(wrong, expected):
    gt = make_graph([[0, 0, 10, 10], [20, 0, 30, 10]], [1, 2], [(0, 3, 1)])
    pred = make_graph([[0, 0, 10, 10], [20, 0, 30, 10]], [1, 2], [(0, 3, 1)])
    if wrong == 'subject label':
        pred.objects.labels[0] = 2
    elif wrong == 'object label':
        pred.objects.labels[1] = 1
    elif wrong == 'predicate':
        pred.relations.labels[0] = 1
    elif wrong == 'subject box':
        pred.objects.bboxes[0] += 4  # 36 / 164 in common
    elif wrong == 'object box':
        pred.objects.bboxes[1] += 4
    elif wrong == 'direction':
        pred.relations.pairs = pred.relations.pairs.flip(1)
    assert match_triplets(gt, pred).tolist() == [expected]


@pytest.mark.parametrize(('bottom', 'hit'), [(10, True), (9.99, False)])
def test_an_iou_of_exactly_the_threshold_is_a_hit(bottom, hit):
    # 10 x 10 of 10 x 20, that is 1 / 2.
    gt = make_graph([[0, 0, 10, 20], [50, 0, 60, 10]], [0, 0], [(0, 1, 1)])
    pred = make_graph([[0, 0, 10, bottom], [50, 0, 60, 10]], [0, 0], [(0, 1, 1)])
    assert (match_triplets(gt, pred, iou_thr=0.5) == 0).item() is hit


@pytest.mark.parametrize('empty_gt', ['objects', 'relations', None])
@pytest.mark.parametrize('empty_pred', ['objects', 'relations', None])
def test_graphs_may_be_empty(empty_gt, empty_pred):

    def make(empty: str | None) -> SceneGraph:
        boxes = [[0, 0, 10, 10], [20, 0, 30, 10]]
        return {
            'objects': make_graph([], [], []),
            'relations': make_graph(boxes, [1, 2], []),
            None: make_graph(boxes, [1, 2], [(0, 1, 1)]),
        }[empty]

    ranks = match_triplets(make(empty_gt), make(empty_pred))
    expected = 0 if empty_pred is None else NO_HIT
    assert ranks.tolist() == ([expected] if empty_gt is None else [])
    assert ranks.dtype == torch.int64


def test_number_types_of_the_two_graphs_may_differ():
    generator = torch.Generator().manual_seed(0)
    gt = random_scene_graph(generator, image_size=8, num_classes=2)
    pred = random_prediction(generator, gt, num_relations=20)
    expected = match_triplets(gt, pred)
    gt.objects.bboxes = gt.objects.bboxes.double()
    gt.relations.pairs = gt.relations.pairs.int()
    pred.objects.labels = pred.objects.labels.int()
    pred.objects.bboxes = pred.objects.bboxes.half()
    pred.relations.pairs = pred.relations.pairs.int()
    pred.relations.labels = pred.relations.labels.int()
    ranks = match_triplets(gt, pred)
    assert ranks.dtype == torch.int64
    assert torch.equal(ranks, expected)


@pytest.mark.gpu
def test_ranks_are_the_same_on_a_gpu():
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        gt = random_scene_graph(generator, image_size=8, num_classes=2)
        pred = random_prediction(generator, num_relations=20, image_size=8)
        expected = match_triplets(gt, pred)
        assert torch.equal(match_triplets(gt.cuda(), pred.cuda()).cpu(), expected)
        assert torch.equal(match_triplets(gt, pred.cuda()).cpu(), expected)


def test_inputs_are_left_as_they_were():
    generator = torch.Generator().manual_seed(0)
    gt = random_scene_graph(generator)
    pred = random_prediction(generator, gt)
    before = [gt.triplets.clone(), pred.triplets.clone()]
    match_triplets(gt, pred)
    assert torch.equal(gt.triplets, before[0])
    assert torch.equal(pred.triplets, before[1])


def test_memory_does_not_grow_with_relations_times_predictions():
    num_relations, num_predictions = 60, 500_000
    generator = torch.Generator().manual_seed(0)
    gt = random_scene_graph(generator, 64, num_relations, num_classes=150)
    pred = random_prediction(generator, gt, num_relations=num_predictions)
    with torch.profiler.profile(profile_memory=True) as profile:
        match_triplets(gt, pred)
    allocated = sum(max(event.self_cpu_memory_usage, 0) for event in profile.events())
    assert allocated < num_relations * num_predictions  # booleans, one byte


def test_iou_of_boxes_without_area():
    line = [5.0, 0.0, 5.0, 10.0]
    boxes1 = np.array([line, line, line, [0.0, 0.0, 10.0, 10.0]])
    boxes2 = np.array([line, [6.0, 0.0, 6.0, 10.0], [0.0, 0.0, 10.0, 10.0], line])
    # A given box matches itself; a line covers nothing of anything else.
    assert aligned_iou(boxes1, boxes2).tolist() == [1, 0, 0, 0]


def test_graph_constraint_keeps_the_best_of_each_ordered_pair():
    pred = make_graph(
        [[0, 0, 10, 10]] * 3,
        [0, 0, 0],
        [(0, 1, 1), (1, 1, 0), (0, 2, 1), (2, 1, 0), (1, 3, 0)],
        scores=torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]),
    )
    kept = apply_graph_constraint(pred)
    assert kept.relations.pairs.tolist() == [[0, 1], [1, 0], [2, 0]]
    assert kept.relations.labels.tolist() == [1, 1, 1]
    torch.testing.assert_close(kept.relations.scores, torch.tensor([0.9, 0.8, 0.6]))
    assert apply_graph_constraint(kept) is kept


def test_graph_constraint_agrees_with_a_loop():
    generator = torch.Generator().manual_seed(0)
    for num_relations in (0, 1, 5, 30, 30, 30):
        pred = random_prediction(generator, num_relations=num_relations)
        first = {}
        for rank, pair in enumerate(map(tuple, pred.relations.pairs.tolist())):
            first.setdefault(pair, rank)
        kept = apply_graph_constraint(pred)
        torch.testing.assert_close(
            kept.relations.scores, pred.relations.scores[list(first.values())]
        )
